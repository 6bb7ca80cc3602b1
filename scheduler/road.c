#include "scheduler/road.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/xalloc.h"

static char *argo_host(struct fail *fail UNUSED)
{
	return xstrdup("localhost");
}

/* The Argo server gives the workflow its label workflow-template and splits the parameters itself. */
static char *argo_body(const char *namespace, const char *template, const struct submission *submission)
{
	json_t *parameters = json_array(), *json;
	char *labels = xasprintf("green-ml/retrain=%s", submission->label), *body;

	for (size_t i = 0; submission->parameters[i]; i++)
		json_array_append_new(parameters, json_string(submission->parameters[i]));
	json = json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:o}}", "namespace", namespace, "resourceKind",
			 "WorkflowTemplate", "resourceName", template, "submitOptions", "name", submission->name,
			 "labels", labels, "parameters", parameters);
	body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	free(labels);
	return body;
}

static bool argo_is_absent(const struct http_reply *reply UNUSED, const char *name UNUSED)
{
	return true;
}

/* As every client in a pod does it: the API server's address is in the environment. */
static char *kube_host(struct fail *fail)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");

	if (!host || !*host || !port || !*port) {
		fail_set(fail, EXIT_WRONG_USE,
			 "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: outside of a pod --via kube "
			 "needs the API server in HOST");
		return NULL;
	}
	return xasprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
}

static char *kube_body(const char *namespace, const char *template, const struct submission *submission)
{
	json_t *parameters = json_array(), *json;
	char *body;

	for (size_t i = 0; submission->parameters[i]; i++) {
		const char *text = submission->parameters[i];
		size_t size = strcspn(text, "=");

		json_array_append_new(parameters, json_pack("{s:s%, s:s}", "name", text, size, "value",
							    text + size + (text[size] != '\0')));
	}
	json = json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}}, s:{s:{s:s}, s:{s:o}}}", "apiVersion",
			 "argoproj.io/v1alpha1", "kind", "Workflow", "metadata", "name", submission->name, "namespace",
			 namespace, "labels", "green-ml/retrain", submission->label,
			 "workflows.argoproj.io/workflow-template", template, "spec", "workflowTemplateRef", "name",
			 template, "arguments", "parameters", parameters);
	body = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return body;
}

static bool is_text(const json_t *json, const char *key, const char *want)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text && strcmp(text, want) == 0;
}

/* "404 page not found" is what a cluster without Argo answers: then nothing is known about the workflow. */
static bool kube_is_absent(const struct http_reply *reply, const char *name)
{
	json_t *json = json_loadb(reply->body.data, reply->body.size, 0, NULL);
	bool absent = is_text(json, "kind", "Status") && is_text(json, "reason", "NotFound") &&
		      is_text(json_object_get(json, "details"), "name", name);

	json_decref(json);
	return absent;
}

static const struct road roads[] = {
    {
	.via = "argo",
	.server = "the Argo server",
	.port = ":2746",
	.before = "/api/v1/workflows/",
	.after = "",
	.submit = "/submit",
	.fields = "?fields=metadata.name,metadata.uid,metadata.labels,status.phase,status.message",
	.accepted = 200,
	.default_host = argo_host,
	.body = argo_body,
	.is_absent = argo_is_absent,
    },
    {
	.via = "kube",
	.server = "the Kubernetes API",
	.port = "",
	.before = "/apis/argoproj.io/v1alpha1/namespaces/",
	.after = "/workflows",
	.submit = "",
	.fields = "",
	.ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
	.accepted = 201,
	.default_host = kube_host,
	.body = kube_body,
	.is_absent = kube_is_absent,
    },
};

const struct road *road_find(const char *via)
{
	for (size_t i = 0; i < sizeof(roads) / sizeof(*roads); i++)
		if (strcmp(roads[i].via, via) == 0)
			return &roads[i];
	return NULL;
}
