/* Replies of the Argo server and of the Kubernetes API: first byte S = submit, s = submit to Kubernetes, l = look
 * there, else look; second and third byte = status of the first reply and of those behind it; then their body. This
 * http_request() takes the place of the network's. */
#include <string.h>

#include "common/http.h"
#include "common/log.h"
#include "scheduler/argo.h"
#include "tests/fuzz/fuzz.h"

static const long statuses[] = {200, 404, 409, 429, 500, 503, 504, 0, 201};
static const uint8_t *input;
static size_t input_size, asked;

bool http_request(const struct http_request *request, struct http_reply *reply, struct fail *fail)
{
	*reply = (struct http_reply){.status = statuses[input[asked++ ? 2 : 1] % 9], .retry_after_s = 1e-6};
	PROMISE(asked <= 6 && (strstr(request->url, "/api/v1/workflows/argo/") ||
			       strstr(request->url, "/namespaces/argo/workflows")));
	if (reply->status == 0)
		return fail_set(fail, EXIT_TRY_AGAIN, "the connection was cut");
	text_init(&reply->body, request->max_body_size);
	text_add(&reply->body, input + 3, input_size - 3);
	return true;
}

void http_reply_release(struct http_reply *reply)
{
	text_release(&reply->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *const parameters[] = {"pipeline=insurance", "retrain_id=12", NULL};
	const struct submission submission = {"train-and-deploy-insurance-12-1",
					      "d536e861-1e0a-49ca-bd70-11f45f714100.1", parameters};
	const struct config config = {.via = size > 0 && (data[0] == 's' || data[0] == 'l') ? "kube" : "argo",
				      .host = "argo-server.argo",
				      .bearer_token = "secret-of-the-test",
				      .argo_namespace = "argo",
				      .argo_ca_file = "",
				      .template = "train-and-deploy"};
	struct argo argo;
	struct argo_workflow workflow;
	struct fail fail = {0};
	enum argo_result result;

	if (size < 3)
		return 0;
	input = data;
	input_size = size;
	asked = 0;
	log_set_level(LOG_LEVEL_ERROR);
	PROMISE(argo_open(&config, &argo, &fail));
	if (data[0] == 'S' || data[0] == 's')
		result = argo_submit(&argo, &submission, &workflow, &fail);
	else
		result = argo_look(&argo, submission.name, submission.label, &workflow, &fail);
	PROMISE((result == ARGO_ERROR) == (fail.code != 0));
	PROMISE(result != ARGO_OURS || memmem(data + 3, size - 3, "metadata", 8) || memchr(data + 3, '\\', size - 3));
	argo_release(&argo);
	return 0;
}
