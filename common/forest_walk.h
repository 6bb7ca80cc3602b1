#ifndef COMMON_FOREST_WALK_H
#define COMMON_FOREST_WALK_H

/*
 * Many rows down all trees of a forest (common/forest.h). Each tree is laid out anew for it, which pays from one row
 * for about thirty of its nodes on: the children of a node stand side by side and a node is one number that a row's
 * key is added to, which makes it the child's. A leaf is a node that every key sends back to it, so that a step is the
 * same for all. Eight rows go down side by side.
 *
 * A feature with at most 255 thresholds has keys of one byte: how many of its thresholds lie below the key. Where all
 * features are such, 32 at most, and trees have less than 131,072 nodes, a node takes 4 bytes, else 8
 * (forest_walk_kernel.h is compiled for both). Few narrow features also let rows be sorted by them: neighbours then go
 * the same way through nodes and leaves that are in the first cache. Equal rows are walked like all others.
 */

#include "common/forest.h"

enum { FOREST_WALK_ROWS = 8 }; /* side by side */

/* Rows are sorted here; where not, it pays to give them in the order of their keys. */
bool forest_walk_sorts(const struct forest *forest);

/* Nodes and features fit; whether it pays is the caller's to decide. */
bool forest_walk_fits(const struct forest *forest);

/* Adds the shares of all trees to each row's scores (rows * class_count), which the caller has set. only_classes: a row
 * is left as soon as no tree to come can change which class has the highest score; its scores lack those trees. */
void forest_walk(const struct forest *forest, const int32_t *keys, size_t rows, bool only_classes, uint64_t *scores);

#endif
