/*
 * The Argo client against a scripted server: tests/cases/argo/<name>.json holds "about", "script" (lines for stub-http,
 * see tests/integration/stub-http.c), "ask" (submit or look), and what must come of it: "result", "code", "message" (a
 * part of it), "phase", and "requests", the method and target of each request. submit_200.request is the whole first
 * request. The same for --via kube in tests/cases/kube, there with submit_201.request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/attr.h"
#include "common/banned.h"
#include "common/http.h"
#include "common/log.h"
#include "common/version.h"
#include "common/xalloc.h"
#include "scheduler/argo.h"

static const char name[] = "train-and-deploy-insurance-12-1";
static const char label[] = "d536e861-1e0a-49ca-bd70-11f45f714100.1";
static char folder[] = "/tmp/green-ml-argo.XXXXXX";

struct stub {
	pid_t pid;
	int port;
	char *script, *log;
};

static void write_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(content, file);
	assert_int_equal(fclose(file), 0);
}

static char *read_file(const char *path)
{
	char *content = xcalloc(1, 1 << 16);
	FILE *file = fopen(path, "re");

	if (file) {
		content[fread(content, 1, (1 << 16) - 1, file)] = '\0';
		fclose(file);
	}
	return content;
}

static struct stub start_stub(const json_t *lines)
{
	struct stub stub = {.script = xasprintf("%s/script", folder), .log = xasprintf("%s/log", folder)};
	const char *bin = getenv("BIN") ? getenv("BIN") : "build/release/bin";
	char *program = xasprintf("%s/stub-http", bin), port[16] = "";
	FILE *file = fopen(stub.script, "we");
	int out[2];
	size_t index;
	json_t *line;

	assert_non_null(file);
	json_array_foreach(lines, index, line) fprintf(file, "%s\n", json_string_value(line));
	assert_int_equal(fclose(file), 0);
	unlink(stub.log);
	assert_int_equal(pipe(out), 0);
	stub.pid = fork();
	if (stub.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execl(program, program, "--script", stub.script, "--log", stub.log, "--seconds", "30", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	if (read(out[0], port, sizeof(port) - 1) < 2)
		fail_msg("%s did not start", program);
	close(out[0]);
	stub.port = (int)strtol(port, NULL, 10);
	free(program);
	return stub;
}

static void stop_stub(struct stub *stub)
{
	kill(stub->pid, SIGTERM);
	waitpid(stub->pid, NULL, 0);
	free(stub->script);
	free(stub->log);
}

static struct config config_of(const char *via, const char *host)
{
	return (struct config){.via = via,
			       .host = host,
			       .bearer_token = "token-of-the-test",
			       .argo_namespace = "argo",
			       .argo_ca_file = "",
			       .template = "train-and-deploy"};
}

/* "METHOD target" of each request in the log. */
static void compare_requests(const char *log, const json_t *want)
{
	const char *at = log;
	size_t index;
	json_t *line;

	json_array_foreach(want, index, line)
	{
		size_t size = strlen(json_string_value(line));

		if (strncmp(at, json_string_value(line), size) != 0 || strncmp(at + size, " HTTP/1.1\n", 10) != 0)
			fail_msg("request %zu is \"%.*s\"", index + 1, (int)strcspn(at, "\n"), at);
		at = strstr(at, "--- end\n");
		assert_non_null(at);
		at += 8;
	}
	if (*at)
		fail_msg("one request more: \"%.*s\"", (int)strcspn(at, "\n"), at);
}

static void compare_result(const json_t *json, enum argo_result result, const struct argo_workflow *workflow,
			   const struct fail *fail)
{
	static const char *const results[] = {"ours", "foreign", "absent", "error"};
	const char *phase = json_string_value(json_object_get(json, "phase"));
	const char *message = json_string_value(json_object_get(json, "message"));

	if (strcmp(results[result], json_string_value(json_object_get(json, "result"))) != 0)
		fail_msg("the result is %s: %s", results[result], fail->text);
	assert_int_equal(fail->code, json_integer_value(json_object_get(json, "code")));
	if (message && !strstr(fail->text, message))
		fail_msg("the message is \"%s\"", fail->text);
	assert_null(strstr(fail->text, "token-of-the-test"));
	if (phase)
		assert_string_equal(workflow->phase, phase);
}

static void run_case(void **state)
{
	json_error_t error;
	json_t *json = json_load_file(*state, JSON_REJECT_DUPLICATES, &error);
	const char *const parameters[] = {"pipeline=insurance", "retrain_id=12", "now=2023-11-19T09:00:00Z", NULL};
	struct submission submission = {name, label, parameters};
	struct stub stub;
	struct config config;
	struct argo argo;
	struct argo_workflow workflow;
	struct fail fail = {0};
	enum argo_result result;
	char *host, *log;

	if (!json)
		fail_msg("%s:%d: %s", (const char *)*state, error.line, error.text);
	stub = start_stub(json_object_get(json, "script"));
	host = xasprintf("http://127.0.0.1:%d/", stub.port);
	config = config_of(strstr(*state, "/kube/") ? "kube" : "argo", host);
	assert_true(argo_open(&config, &argo, &fail));
	if (strcmp(json_string_value(json_object_get(json, "ask")), "submit") == 0)
		result = argo_submit(&argo, &submission, &workflow, &fail);
	else
		result = argo_look(&argo, name, label, &workflow, &fail);
	log = read_file(stub.log);
	argo_release(&argo);
	stop_stub(&stub);
	compare_result(json, result, &workflow, &fail);
	compare_requests(log, json_object_get(json, "requests"));
	free(log);
	free(host);
	json_decref(json);
}

/* Takes the first "what" out of the text, or puts "with" in its place. */
static void replace(char *log, const char *what, const char *with)
{
	char *at = strstr(log, what), *rest;

	if (!at)
		fail_msg("\"%s\" is not in the request: %s", what, log);
	rest = xstrdup(at + strlen(what));
	memcpy(at, with, strlen(with) + 1);
	memcpy(at + strlen(with), rest, strlen(rest) + 1);
	free(rest);
}

/* Every byte of the request but the port and our version. */
static void compare_bytes(const char *via, const char *target, const char *file)
{
	const char *const parameters[] = {"pipeline=insurance", "retrain_id=12", "now=2023-11-19T09:00:00Z", NULL};
	struct submission submission = {name, label, parameters};
	char *step = xasprintf("POST %s$", target);
	json_t *script = json_pack("[s, s]", step, "status 500");
	struct stub stub = start_stub(script);
	char *host = xasprintf("http://127.0.0.1:%d", stub.port), *port = xasprintf(":%d", stub.port), *log, *want;
	struct config config = config_of(via, host);
	struct argo argo;
	struct argo_workflow workflow;
	struct fail fail = {0};

	assert_true(argo_open(&config, &argo, &fail));
	assert_int_equal(argo_submit(&argo, &submission, &workflow, &fail), ARGO_ERROR);
	log = read_file(stub.log);
	want = read_file(file);
	replace(log, port, "");
	replace(log, green_ml_version, "VERSION");
	assert_string_equal(log, want);
	argo_release(&argo);
	stop_stub(&stub);
	json_decref(script);
	free(step);
	free(host);
	free(port);
	free(log);
	free(want);
}

static void request_bytes(void **state UNUSED)
{
	compare_bytes("argo", "/api/v1/workflows/argo/submit", "tests/cases/argo/submit_200.request");
}

static void kube_request_bytes(void **state UNUSED)
{
	compare_bytes("kube", "/apis/argoproj.io/v1alpha1/namespaces/argo/workflows",
		      "tests/cases/kube/submit_201.request");
}

static void hosts(void **state UNUSED)
{
	static const struct {
		const char *via, *host, *base;
	} good[] = {
	    {"argo", NULL, "https://localhost:2746/api/v1/workflows/argo"},
	    {"argo", "argo-server.argo", "https://argo-server.argo:2746/api/v1/workflows/argo"},
	    {"argo", "localhost:8443", "https://localhost:8443/api/v1/workflows/argo"},
	    {"argo", "http://127.0.0.1:2746", "http://127.0.0.1:2746/api/v1/workflows/argo"},
	    {"argo", "https://argo.example.org/prefix/", "https://argo.example.org/prefix/api/v1/workflows/argo"},
	    {"kube", "kubernetes.default.svc",
	     "https://kubernetes.default.svc/apis/argoproj.io/v1alpha1/namespaces/argo/workflows"},
	    {"kube", "10.42.0.1:6443", "https://10.42.0.1:6443/apis/argoproj.io/v1alpha1/namespaces/argo/workflows"},
	};
	static const char *const bad[] = {"", "a b", "user:secret@host", "host?x=1"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct config config = config_of(good[i].via, good[i].host);
		struct argo argo;
		struct fail fail = {0};

		assert_true(argo_open(&config, &argo, &fail));
		assert_string_equal(argo.base, good[i].base);
		argo_release(&argo);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct config config = config_of(i % 2 ? "kube" : "argo", bad[i]);
		struct argo argo;
		struct fail fail = {0};

		assert_false(argo_open(&config, &argo, &fail));
		assert_int_equal(fail.code, EXIT_WRONG_USE);
	}
}

/* The API server's address is in the environment of every pod. */
static void kube_host_of_the_pod(void **state UNUSED)
{
	static const struct {
		const char *host, *port, *base;
	} cases[] = {
	    {"10.43.0.1", "443", "https://10.43.0.1:443/apis/argoproj.io/v1alpha1/namespaces/argo/workflows"},
	    {"fd00::1", "6443", "https://[fd00::1]:6443/apis/argoproj.io/v1alpha1/namespaces/argo/workflows"},
	    {"", "443", NULL},
	    {"10.43.0.1", "", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config config = config_of("kube", NULL);
		struct argo argo;
		struct fail fail = {0};
		bool done;

		setenv("KUBERNETES_SERVICE_HOST", cases[i].host, 1);
		setenv("KUBERNETES_SERVICE_PORT", cases[i].port, 1);
		done = argo_open(&config, &argo, &fail);
		unsetenv("KUBERNETES_SERVICE_HOST");
		unsetenv("KUBERNETES_SERVICE_PORT");
		assert_true(done == (cases[i].base != NULL));
		if (done)
			assert_string_equal(argo.base, cases[i].base);
		else
			assert_int_equal(fail.code, EXIT_WRONG_USE);
		argo_release(&argo);
	}
}

/* Kubernetes rotates the file while the program runs. */
static void token_is_read_again(void **state UNUSED)
{
	json_t *script = json_pack("[s, s, s, s]", "GET /", "status 404", "body {\"code\":5}", "repeat 2");
	struct stub stub = start_stub(script);
	char *host = xasprintf("http://127.0.0.1:%d", stub.port), *path = xasprintf("%s/token", folder), *log;
	struct config config = config_of("argo", host);
	struct argo argo;
	struct argo_workflow workflow;
	struct fail fail = {0};

	setenv("BEARER_TOKEN_FILE", path, 1);
	assert_true(argo_open(&config, &argo, &fail));
	unsetenv("BEARER_TOKEN_FILE");
	write_file(path, "first\n");
	assert_int_equal(argo_look(&argo, name, label, &workflow, &fail), ARGO_ABSENT);
	write_file(path, "second");
	assert_int_equal(argo_look(&argo, name, label, &workflow, &fail), ARGO_ABSENT);
	log = read_file(stub.log);
	assert_non_null(strstr(log, "Authorization: Bearer first\n"));
	assert_non_null(strstr(log, "Authorization: Bearer second\n"));
	write_file(path, "");
	assert_int_equal(argo_look(&argo, name, label, &workflow, &fail), ARGO_ERROR);
	assert_int_equal(fail.code, EXIT_WRONG_USE);
	unlink(path);
	argo_release(&argo);
	stop_stub(&stub);
	json_decref(script);
	free(log);
	free(path);
	free(host);
}

static void nobody_listens(void **state UNUSED)
{
	char host[] = "http://127.0.0.1:1";
	const char *const parameters[] = {NULL};
	struct submission submission = {name, label, parameters};
	struct config config = config_of("argo", host);
	struct argo argo;
	struct argo_workflow workflow;
	struct fail fail = {0};

	assert_true(argo_open(&config, &argo, &fail));
	assert_int_equal(argo_submit(&argo, &submission, &workflow, &fail), ARGO_ERROR);
	assert_int_equal(fail.code, EXIT_TRY_AGAIN);
	argo_release(&argo);
}

static int is_case(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

/* Adds the cases of a folder to the tests; free() the names and the paths. */
static size_t add_cases(const char *path, struct CMUnitTest *tests, size_t room)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_case, alphasort);

	if (count <= 0 || (size_t)count > room) {
		printf("1..1\nnot ok 1 - no case in %s, or too many: start it in the project's folder\n", path);
		exit(1);
	}
	for (int i = 0; i < count; i++) {
		tests[i] =
		    (struct CMUnitTest){xasprintf("%s/%s", path + sizeof("tests/cases/") - 1, entries[i]->d_name),
					run_case, NULL, NULL, xasprintf("%s/%s", path, entries[i]->d_name)};
		free(entries[i]);
	}
	free(entries);
	return (size_t)count;
}

int main(void)
{
	struct CMUnitTest tests[96] = {cmocka_unit_test(request_bytes),
				       cmocka_unit_test(kube_request_bytes),
				       cmocka_unit_test(hosts),
				       cmocka_unit_test(kube_host_of_the_pod),
				       cmocka_unit_test(token_is_read_again),
				       cmocka_unit_test(nobody_listens)};
	const size_t room = sizeof(tests) / sizeof(*tests);
	size_t used = 6;
	int result;

	log_init("test_argo");
	log_set_level(LOG_LEVEL_ERROR);
	http_init();
	used += add_cases("tests/cases/argo", tests + used, room - used);
	used += add_cases("tests/cases/kube", tests + used, room - used);
	if (!mkdtemp(folder))
		return 1;
	result = _cmocka_run_group_tests("argo", tests, used, NULL, NULL);
	for (size_t i = 6; i < used; i++) {
		free((char *)(uintptr_t)tests[i].name);
		free(tests[i].initial_state);
	}
	for (int i = 0; i < 2; i++) {
		char *path = xasprintf("%s/%s", folder, i ? "log" : "script");

		unlink(path);
		free(path);
	}
	rmdir(folder);
	return result;
}
