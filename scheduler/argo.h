#ifndef SCHEDULER_ARGO_H
#define SCHEDULER_ARGO_H

/*
 * Submits a workflow from a template exactly once, through the Argo server or the Kubernetes API (road.h), and asks
 * what became of it.
 *
 *	struct argo argo;
 *	if (!argo_open(&config, &argo, &fail)) ...
 *	switch (argo_submit(&argo, &submission, &workflow, &fail)) ...
 *	switch (argo_look(&argo, name, label, &workflow, &fail)) ...
 *	argo_release(&argo);
 *
 * The name is made by the caller and the label green-ml/retrain tells our workflow from a foreign one of the same name.
 * A name that is taken (409) and a submission whose answer was lost (504, a broken connection) are therefore settled by
 * asking for the workflow and comparing the label. 429, 502 and 503 are tried again, at most three times in all, after
 * the time the server asks for (10 s at most). Replies are not trusted: 4 MiB at most, JSON with our name in it.
 *
 * BEARER_TOKEN is the token; BEARER_TOKEN_FILE (or the pod's own service account, where neither is given) is read again
 * for every request, because Kubernetes rotates it. HOST: "argo-server.argo", "host:2746" or a URL; https unless the
 * URL says otherwise. Where it is not given: localhost for the Argo server, the pod's own KUBERNETES_SERVICE_HOST and
 * KUBERNETES_SERVICE_PORT for the Kubernetes API, whose certificate is verified with the pod's own ca.crt.
 */

#include "common/fail.h"
#include "scheduler/config.h"
#include "scheduler/road.h"

enum { ARGO_NAME_SIZE = 64 };

struct argo {
	const struct road *road;
	char *base; /* the URL of all workflows: "https://argo-server.argo:2746/api/v1/workflows/<namespace>" */
	const char *namespace, *template, *ca_file;
	const char *token, *token_file; /* one of them, or none */
};

enum argo_result {
	ARGO_OURS,    /* it is there, and it is ours */
	ARGO_FOREIGN, /* the name is taken by a workflow with another label */
	ARGO_ABSENT,  /* it is not there (argo_look only) */
	ARGO_ERROR,   /* fail is set: EXIT_TRY_AGAIN or EXIT_FAILED */
};

struct argo_workflow {
	char uid[64];
	char phase[16]; /* "", Pending, Running, Succeeded, Failed, Error */
	char message[200];
};

bool argo_open(const struct config *config, struct argo *argo, struct fail *fail) MUST_USE;
void argo_release(struct argo *argo);

/* OURS: accepted now or by an earlier submission; FOREIGN or ERROR otherwise. */
enum argo_result argo_submit(const struct argo *argo, const struct submission *submission,
			     struct argo_workflow *workflow, struct fail *fail) MUST_USE;
enum argo_result argo_look(const struct argo *argo, const char *name, const char *label, struct argo_workflow *workflow,
			   struct fail *fail) MUST_USE;

#endif
