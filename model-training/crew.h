#ifndef MODEL_TRAINING_CREW_H
#define MODEL_TRAINING_CREW_H

/*
 * The threads that grow a forest: a thread without a tree of its own grows branches (branch.h) that others give away.
 *
 *	struct crew *crew = crew_new();
 *	crew_enter(crew)				each thread, before it grows anything
 *	if (crew_is_hungry(crew))			at a node with a subtree worth it
 *		crew_give(crew, branch)
 *	crew_grown(crew, &trunk)			the thread's own part of its tree is grown
 *	while ((branch = crew_take(crew, &trunk)))	until all parts of that tree are grown; NULL: of all trees
 *		... crew_grown(crew, branch)
 *	crew_free(crew)
 *
 * Who grows what depends on chance; the trees do not.
 */

#include <stdbool.h>

#include "model-training/branch.h"

struct crew;

struct crew *crew_new(void);
void crew_free(struct crew *crew); /* NULL is fine */

void crew_enter(struct crew *crew);
bool crew_is_hungry(const struct crew *crew); /* more threads wait for a branch than there are branches */
void crew_give(struct crew *crew, struct branch *branch);
void crew_grown(struct crew *crew, struct branch *branch);
/* Waits for a branch of any tree. NULL: the trunk's tree is grown, or without one, no thread grows any more. */
struct branch *crew_take(struct crew *crew, const struct branch *trunk);

#endif
