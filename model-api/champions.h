#ifndef MODEL_API_CHAMPIONS_H
#define MODEL_API_CHAMPIONS_H

/*
 * What is being served: one model per pipeline, and the table that hands them to requests.
 *
 * A `struct champions` is never changed once it is published; a reload makes a new one, which may share models with the
 * old. Requests enter the table, work on what they find there and leave; publishing swaps the whole set and frees the
 * old one only after every request that had entered before has left:
 *
 *	const struct champions *champions = model_table_enter(table);
 *	const struct model *model = champions_find(champions, name, preferred, &status, &fail);
 *	... every use of model ...
 *	model_table_leave(table);
 *
 * Entering locks a mutex that (with one lane more than serving threads) no other request uses, so requests never wait
 * for each other, and for a reload only while it passes by. Nothing may block between enter and leave. One thread loads
 * and publishes.
 */

#include <stdbool.h>

#include "common/fail.h"
#include "model-api/model.h"

struct champions {
	bool known; /* false: the registry has not been read yet */
	int count;
	struct model **models; /* one reference each */
	int pinned_count;
	struct model **pinned; /* versions that are served beside the champions; one reference each */
	int empty_count;
	char **empty; /* pipelines without a model */
};

struct champions *champions_new(void);
void champions_add(struct champions *champions, struct model *model); /* takes a reference of its own */
void champions_add_pinned(struct champions *champions, struct model *model);
void champions_add_empty(struct champions *champions, const char *pipeline);
void champions_free(struct champions *champions); /* NULL is fine */

/* name NULL: the preferred pipeline; preferred NULL: "insurance" where it is registered, else the only one. NULL with
 * the HTTP status (400, 404, 503) and fail set. */
const struct model *champions_find(const struct champions *champions, const char *name, const char *preferred,
				   int *status, struct fail *fail) MUST_USE;

/* By name and, unless version is NULL, by the model's id as text: the champion or a pinned model. */
const struct model *champions_find_version(const struct champions *champions, const char *name, const char *version,
					   int *status, struct fail *fail) MUST_USE;

/* Is the model a champion (it may be pinned as well)? */
bool champions_holds(const struct champions *champions, int model_id);

struct model_table;

struct model_table *model_table_new(int lanes); /* holds an empty, unknown set */
const struct champions *model_table_enter(struct model_table *table);
void model_table_leave(struct model_table *table);
void model_table_publish(struct model_table *table, struct champions *champions); /* takes ownership */
/* Until every request that had entered has left. */
void model_table_wait(struct model_table *table);
void model_table_free(struct model_table *table);

#endif
