/* Laying out a tree and walking it, for one kind of node: included with NAME(word), the suffix of its names, after
 * NAME(node), NAME(split), NAME(leaf) and NAME(step). */

/* Nodes come in pre-order, so a leaf is followed by the right child of the innermost split that has only its left one
 * yet. Which of them a node is nobody can foresee, so both are computed and one is taken. */
static void NAME(lay_out)(const struct walk *walk, int tree)
{
	const struct forest *forest = walk->forest;
	NAME(node) *nodes = walk->nodes;
	uint32_t *leaves = walk->leaves, *open = walk->open;
	uint32_t place = 0, pair = 1, depth = 1; /* open[0] ends the tree */

	for (uint32_t i = forest->roots[tree]; i < forest->roots[tree + 1]; i++) {
		const struct forest_node *node = &forest->nodes[i];
		bool is_leaf = node->feature == FOREST_LEAF;
		const struct column *column = &walk->columns[is_leaf ? 0 : node->feature];
		uint32_t after_leaf = open[depth - 1];

		nodes[place] = is_leaf ? NAME(leaf)(walk, place) : NAME(split)(column, node, pair);
		leaves[place] = node->other;
		open[depth] = pair * 2 + 1;
		place = is_leaf ? after_leaf : pair * 2;
		depth += is_leaf ? -1u : 1u;
		pair += !is_leaf;
	}
}

/* Side by side, so that their cache misses overlap. Rows that have arrived step on the spot until the last one has. */
static void NAME(walk)(const struct walk *walk, const uint8_t *keys, uint32_t places[FOREST_WALK_ROWS])
{
	const NAME(node) *nodes = walk->nodes;
	uint32_t at[FOREST_WALK_ROWS] = {0}, moved;
	size_t stride = walk->stride;

	do {
		for (int step = 0; step < BLIND_STEPS; step++)
#pragma GCC unroll 8
			for (size_t i = 0; i < FOREST_WALK_ROWS; i++)
				at[i] = NAME(step)(nodes, at[i], keys, i, stride);
		moved = 0;
#pragma GCC unroll 8
		for (size_t i = 0; i < FOREST_WALK_ROWS; i++) {
			uint32_t next = NAME(step)(nodes, at[i], keys, i, stride);

			moved |= next ^ at[i];
			at[i] = next;
		}
	} while (moved);
	memcpy(places, at, sizeof(at));
}
