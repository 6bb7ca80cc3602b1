/* Laying out a tree and walking it, for one kind of node: included with NAME(word), the suffix of its names, after
 * NAME(node), NAME(split), NAME(leaf) and NAME(step). */
#ifdef NAME /* without it it is empty, not wrong */

/* Nodes come in pre-order, so a leaf is followed by the right child of the innermost split that has only its left one
 * yet. Which of them a node is nobody can foresee, so both are computed and one is taken. The nodes of a whole forest
 * are more than a cache holds, and a processor that is left alone with it waits for them half of the time. */
static void NAME(lay_out)(const struct walk *walk, int tree)
{
	const struct forest_node *from = walk->forest->nodes;
	const struct column *columns = walk->columns;
	NAME(node) *nodes = walk->nodes;
	uint32_t *leaves = walk->leaves, *open = walk->open;
	uint32_t place = 0, next = 2, depth = 1; /* open[0] ends the tree */
	uint32_t end = walk->forest->roots[tree + 1];

	for (uint32_t i = walk->forest->roots[tree]; i < end; i++) {
		uint32_t if_leaf = 0u - (uint32_t)(from[i].feature == FOREST_LEAF), after_leaf = open[depth - 1];
		NAME(node) leaf = NAME(leaf)(place);
		NAME(node) split = NAME(split)(&columns[from[i].feature & ~if_leaf], &from[i], next);

		__builtin_prefetch(from + i + NODES_AHEAD);
		nodes[place] = split ^ ((split ^ leaf) & (NAME(node))(int32_t)if_leaf);
		leaves[place] = from[i].other;
		open[depth] = next + 1;
		place = next ^ ((next ^ after_leaf) & if_leaf);
		depth += if_leaf * 2 + 1;
		next += (if_leaf + 1) * 2;
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
				at[i] = NAME(step)(nodes[at[i]], keys, i, stride);
		moved = 0;
#pragma GCC unroll 8
		for (size_t i = 0; i < FOREST_WALK_ROWS; i++) {
			uint32_t next = NAME(step)(nodes[at[i]], keys, i, stride);

			moved |= next ^ at[i];
			at[i] = next;
		}
	} while (moved);
	memcpy(places, at, sizeof(at));
}

#endif
