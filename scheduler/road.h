#ifndef SCHEDULER_ROAD_H
#define SCHEDULER_ROAD_H

/*
 * The two roads on which a workflow is submitted and asked for; argo.h is what uses them. They differ in their URLs, in
 * what is posted, and in how a workflow that is not there is told from a server that does not know what it is asked:
 *
 *	argo	the Argo server:     POST <server>/api/v1/workflows/<namespace>/submit answers 200
 *	kube	the Kubernetes API:  POST <server>/apis/argoproj.io/v1alpha1/namespaces/<namespace>/workflows answers
 *201
 *
 * On the second road the workflow is made here, with nothing in it but its name, its labels, the template's name and
 * the parameters; a template that is not there is then no error of the submission, the workflow ends as Error.
 */

#include <jansson.h>
#include <stdbool.h>

#include "common/fail.h"

struct submission {
	const char *name, *label;
	const char *const *parameters; /* "key=value", ended by NULL */
};

struct road_fact {
	const char *path;  /* NULL behind the last */
	const char *value; /* NULL: the workflow's name */
};

struct road {
	const char *via;     /* "argo" or "kube" */
	const char *server;  /* "the Argo server", for messages */
	const char *port;    /* of a HOST without one: ":2746", "" */
	const char *before;  /* of the namespace in the URL of all workflows */
	const char *after;   /* of the namespace */
	const char *submit;  /* of that URL, for a submission */
	const char *fields;  /* of a workflow's URL: the query that keeps the answer short */
	const char *ca_file; /* where no other is given and this one is readable; NULL: the system's */
	long accepted;	     /* the status of a submission that succeeded */
	char *(*default_host)(struct fail *fail); /* where HOST is not given; free(); NULL: fail is set */
	char *(*body)(const char *namespace, const char *template, const struct submission *submission); /* free() */
	struct road_fact absent[4]; /* all of them hold in a 404 that says that the workflow is not there */
};

/* The text, or the whole number as text, at a path such as "metadata.uid" of an answer; NULL where there is none. */
const char *road_text(const json_t *json, const char *path, char number[24]);

bool road_says_absent(const struct road *road, const json_t *reply, const char *name);

/* NULL where via is none of the two. */
const struct road *road_find(const char *via);

#endif
