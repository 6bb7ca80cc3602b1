#include "scheduler/argo.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <unistd.h>

#include "common/http.h"
#include "common/log.h"
#include "common/xalloc.h"

enum { MAX_BODY = 4 << 20, MAX_TOKEN = 64 * 1024, TRIES = 3, MAX_PAUSE_S = 10 };

static const char pod_token[] = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/* A DNS label: what may stand in a path and in a name without being escaped. */
static bool is_label(const char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++)
		if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '-')
			return false;
	return size > 0 && size <= 63;
}

static bool make_base(const char *given, struct argo *argo, struct fail *fail)
{
	const struct road *road = argo->road;
	char *own = given ? NULL : road->default_host(fail);
	const char *host = given ? given : own, *port;
	size_t size;

	if (!host)
		return false;
	size = strlen(host);
	if (!*host || strcspn(host, " \t\r\n?#@") != size) {
		fail_set(fail, EXIT_WRONG_USE, "HOST is \"%s\": expected %s's host name, host:port or URL", host,
			 road->server);
		free(own);
		return false;
	}
	while (size > 0 && host[size - 1] == '/')
		size--;
	port = strchr(host, ':') ? "" : road->port;
	argo->base = xasprintf("%s%.*s%s%s%s%s", strstr(host, "://") ? "" : "https://", (int)size, host, port,
			       road->before, argo->namespace, road->after);
	free(own);
	return true;
}

bool argo_open(const struct config *config, struct argo *argo, struct fail *fail)
{
	const char *token_file = getenv("BEARER_TOKEN_FILE");
	bool has_token = config->bearer_token && *config->bearer_token, has_file = token_file && *token_file;

	*argo = (struct argo){
	    .road = road_find(config->via), .namespace = config->argo_namespace, .template = config->template};
	if (!argo->road)
		return fail_set(fail, EXIT_WRONG_USE, "--via \"%s\" submits no workflow", config->via);
	if (!is_label(config->argo_namespace) || !is_label(config->template))
		return fail_set(fail, EXIT_WRONG_USE,
				"--argo-namespace \"%s\" and --template \"%s\" must be of a-z, 0-9 and \"-\"",
				config->argo_namespace, config->template);
	if (!make_base(config->host, argo, fail))
		return false;
	if (*config->argo_ca_file)
		argo->ca_file = config->argo_ca_file;
	else if (argo->road->ca_file && access(argo->road->ca_file, R_OK) == 0)
		argo->ca_file = argo->road->ca_file;
	if (has_file)
		argo->token_file = token_file;
	else if (has_token)
		argo->token = config->bearer_token;
	else if (access(pod_token, R_OK) == 0)
		argo->token_file = pod_token;
	return true;
}

void argo_release(struct argo *argo)
{
	free(argo->base);
	argo->base = NULL;
}

/* "Authorization: Bearer ..." or NULL where there is no token; free(). */
static bool authorization(const struct argo *argo, char **header, struct fail *fail)
{
	char token[MAX_TOKEN];
	size_t size;
	FILE *file;

	*header = NULL;
	if (argo->token)
		*header = xasprintf("Authorization: Bearer %s", argo->token);
	if (argo->token || !argo->token_file)
		return true;
	file = fopen(argo->token_file, "re");
	if (!file)
		return fail_set(fail, EXIT_WRONG_USE, "could not read the token's file \"%s\": %s", argo->token_file,
				strerror(errno));
	size = fread(token, 1, sizeof(token) - 1, file);
	fclose(file);
	while (size > 0 && isspace((unsigned char)token[size - 1]))
		size--;
	token[size] = '\0';
	if (size == 0 || strcspn(token, "\r\n") != size)
		fail_set(fail, EXIT_WRONG_USE, "the token's file \"%s\" does not hold one token", argo->token_file);
	else
		*header = xasprintf("Authorization: Bearer %s", token);
	explicit_bzero(token, sizeof(token));
	return fail->code == 0;
}

static bool ask_once(const struct argo *argo, const char *url, const char *body, struct http_reply *reply,
		     struct fail *fail)
{
	const char *headers[] = {"Accept: application/json", "Content-Type: application/json", NULL, NULL};
	struct http_request request = {.url = url,
				       .headers = headers,
				       .body = body,
				       .body_size = body ? strlen(body) : 0,
				       .timeout_s = 30,
				       .connect_timeout_s = 10,
				       .max_body_size = MAX_BODY,
				       .ca_file = argo->ca_file};
	char *header;
	bool done;

	if (!authorization(argo, &header, fail))
		return false;
	headers[2] = header;
	done = http_request(&request, reply, fail);
	if (header)
		explicit_bzero(header, strlen(header));
	free(header);
	return done;
}

/* Again where the server says that it is busy. A request that got no answer is not repeated: a submission may have
 * arrived. */
static bool ask(const struct argo *argo, const char *url, const char *body, struct http_reply *reply, struct fail *fail)
{
	for (int attempt = 1;; attempt++) {
		double pause_s = 0.2 * attempt;

		if (!ask_once(argo, url, body, reply, fail))
			return false;
		if (attempt == TRIES || (reply->status != 429 && reply->status != 502 && reply->status != 503))
			return true;
		if (reply->retry_after_s > 0)
			pause_s = fmin(reply->retry_after_s, MAX_PAUSE_S);
		log_warning("the server is busy", "server", "%s", argo->road->server, "status", "%ld", reply->status,
			    "pause_s", "%.1f", pause_s, NULL);
		http_reply_release(reply);
		usleep((useconds_t)(1e6 * pause_s));
	}
}

/* What the server says about itself, in one short line: errors are JSON {"code","message"}, text or HTML. */
static void fail_from(const struct argo *argo, const struct http_reply *reply, const char *what, struct fail *fail)
{
	bool again = reply->status == 429 || reply->status == 502 || reply->status == 503 || reply->status == 504;
	json_t *json = json_loadb(reply->body.data, reply->body.size, 0, NULL);
	const char *message = json_string_value(json_object_get(json, "message"));
	char line[401];
	size_t used = 0;

	if (!message)
		message = strstr(reply->content_type, "html") ? "(an HTML page)" : reply->body.data;
	for (; *message && used < sizeof(line) - 1; message++)
		line[used++] = isprint((unsigned char)*message) ? *message : ' ';
	line[used] = '\0';
	fail_set(fail, again ? EXIT_TRY_AGAIN : EXIT_FAILED, "could not %s: %s answered %ld: %s%s", what,
		 argo->road->server, reply->status, line,
		 reply->status == 401	? ": check BEARER_TOKEN"
		 : reply->status == 403 ? ": check the scheduler's Role"
					: "");
	json_decref(json);
}

/* What is taken over of a workflow. */
static const struct {
	const char *path;
	size_t offset, size;
} workflow_texts[] = {
    {"metadata.uid", offsetof(struct argo_workflow, uid), sizeof(((struct argo_workflow *)NULL)->uid)},
    {"status.phase", offsetof(struct argo_workflow, phase), sizeof(((struct argo_workflow *)NULL)->phase)},
    {"status.message", offsetof(struct argo_workflow, message), sizeof(((struct argo_workflow *)NULL)->message)},
};

static bool is_text(const json_t *json, const char *path, const char *want)
{
	char number[24];
	const char *text = road_text(json, path, number);

	return text && strcmp(text, want) == 0;
}

/* Reads a workflow that must have this name. */
static enum argo_result take_workflow(const struct argo *argo, const struct http_reply *reply, const char *name,
				      const char *label, struct argo_workflow *workflow, struct fail *fail)
{
	json_t *json = json_loadb(reply->body.data, reply->body.size, 0, NULL);
	enum argo_result result = ARGO_ERROR;

	if (!is_text(json, "metadata.name", name)) {
		fail_set(fail, EXIT_FAILED, "the answer to workflow \"%s\" is not that workflow: check that HOST is %s",
			 name, argo->road->server);
	} else if (!is_text(json, "metadata.labels.green-ml/retrain", label)) {
		result = ARGO_FOREIGN;
	} else {
		result = ARGO_OURS;
		for (size_t i = 0; i < sizeof(workflow_texts) / sizeof(*workflow_texts); i++) {
			char number[24];
			const char *text = road_text(json, workflow_texts[i].path, number);

			snprintf((char *)workflow + workflow_texts[i].offset, workflow_texts[i].size, "%s",
				 text ? text : "");
		}
	}
	json_decref(json);
	return result;
}

static bool is_absent(const struct argo *argo, const struct http_reply *reply, const char *name)
{
	json_t *json = reply->status == 404 ? json_loadb(reply->body.data, reply->body.size, 0, NULL) : NULL;
	bool absent = json && road_says_absent(argo->road, json, name);

	json_decref(json);
	return absent;
}

enum argo_result argo_look(const struct argo *argo, const char *name, const char *label, struct argo_workflow *workflow,
			   struct fail *fail)
{
	char *url = xasprintf("%s/%s%s", argo->base, name, argo->road->fields);
	struct http_reply reply = {0};
	enum argo_result result = ARGO_ERROR;

	*workflow = (struct argo_workflow){.phase = ""};
	if (!ask(argo, url, NULL, &reply, fail)) {
		fail_prefix(fail, "could not ask for workflow \"%s\"", name);
		free(url);
		return ARGO_ERROR;
	}
	if (is_absent(argo, &reply, name))
		result = ARGO_ABSENT;
	else if (reply.status == 200)
		result = take_workflow(argo, &reply, name, label, workflow, fail);
	else
		fail_from(argo, &reply, "ask for the workflow", fail);
	http_reply_release(&reply);
	free(url);
	return result;
}

/* Settles a submission whose answer does not say what became of it. */
static enum argo_result settle(const struct argo *argo, const struct submission *submission,
			       struct argo_workflow *workflow, struct fail *fail)
{
	struct fail look = {0};
	enum argo_result result = argo_look(argo, submission->name, submission->label, workflow, &look);

	if (result == ARGO_OURS || result == ARGO_FOREIGN) {
		fail_clear(fail);
		return result;
	}
	return ARGO_ERROR;
}

enum argo_result argo_submit(const struct argo *argo, const struct submission *submission,
			     struct argo_workflow *workflow, struct fail *fail)
{
	char *url = xasprintf("%s%s", argo->base, argo->road->submit);
	char *body = argo->road->body(argo->namespace, argo->template, submission);
	struct http_reply reply = {0};
	enum argo_result result = ARGO_ERROR;

	*workflow = (struct argo_workflow){.phase = ""};
	if (!ask(argo, url, body, &reply, fail)) {
		fail_prefix(fail, "could not submit workflow \"%s\"", submission->name);
		result = settle(argo, submission, workflow, fail);
	} else if (reply.status == argo->road->accepted) {
		result = take_workflow(argo, &reply, submission->name, submission->label, workflow, fail);
	} else {
		fail_from(argo, &reply, "submit the workflow", fail);
		if (reply.status == 409 || reply.status == 504)
			result = settle(argo, submission, workflow, fail);
	}
	http_reply_release(&reply);
	free(body);
	free(url);
	return result;
}
