#include "scheduler/road.h"

#include <jansson.h>
#include <stdio.h>
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
	.absent = {{"code", "5"}}, /* gRPC's NotFound; a proxy's 404 has none */
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
	/* "404 page not found" is what a cluster without Argo answers: then nothing is known about the workflow. */
	.absent = {{"kind", "Status"}, {"reason", "NotFound"}, {"details.name", NULL}},
    },
};

const char *road_text(const json_t *json, const char *path, char number[24])
{
	while (json && *path) {
		size_t size = strcspn(path, ".");

		json = json_object_getn(json, path, size);
		path += size + (path[size] == '.');
	}
	if (json_is_integer(json))
		snprintf(number, 24, "%lld", (long long)json_integer_value(json));
	return json_is_integer(json) ? number : json_string_value(json);
}

bool road_says_absent(const struct road *road, const json_t *reply, const char *name)
{
	for (const struct road_fact *fact = road->absent; fact->path; fact++) {
		char number[24];
		const char *text = road_text(reply, fact->path, number), *want = fact->value ? fact->value : name;

		if (!text || strcmp(text, want) != 0)
			return false;
	}
	return true;
}

const struct road *road_find(const char *via)
{
	for (size_t i = 0; i < sizeof(roads) / sizeof(*roads); i++)
		if (strcmp(roads[i].via, via) == 0)
			return &roads[i];
	return NULL;
}
