#include "common/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/version.h"
#include "common/xalloc.h"

enum {
	DEFAULT_TIMEOUT_S = 30,
	DEFAULT_CONNECT_TIMEOUT_S = 10,
	DEFAULT_MAX_BODY = 1 << 20,
	MAX_HEADERS = 1 << 18, /* of all replies of one request, redirects included */
	MAX_REDIRECTS = 5,
	STALL_S = 60, /* a streamed transfer in which nothing has come for so long is given up */
};

static pthread_once_t curl_is_ready = PTHREAD_ONCE_INIT;

/* One request while curl works on it. */
struct transfer {
	const struct http_request *request;
	struct http_reply *reply;
	struct fail *fail;
	CURL *curl;
	const char *shown; /* the URL as messages show it */
	size_t received, header_size;
	bool stopped; /* by the sink, without an error */
	bool cut;     /* an error page longer than we want to know */
};

/* At the first request: it costs half a millisecond, and most ticks of the scheduler ask nobody. */
static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_init(void)
{
	/* A peer that goes away shows as an error of the write, not as the death of the program. */
	signal(SIGPIPE, SIG_IGN);
}

/* ------------------------------------------------------------------ URLs in messages */

static bool is_secret_name(const char *name, size_t size)
{
	static const char *const words[] = {"token", "key", "secret", "pass", "sig", "credential", "auth"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		for (size_t at = 0; at + strlen(words[i]) <= size; at++)
			if (strncasecmp(name + at, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

static void hide_query(struct text *shown, const char *query)
{
	for (const char *at = query; *at; at += *at == '&') {
		size_t size = strcspn(at, "&"), name = strcspn(at, "=&");

		text_puts(shown, at == query ? "?" : "&");
		if (name < size && is_secret_name(at, name)) {
			text_add(shown, at, name);
			text_puts(shown, "=***");
		} else {
			text_add(shown, at, size);
		}
		at += size;
	}
}

char *http_url_public(const char *url)
{
	const char *authority = strstr(url, "://"), *path, *name, *query;
	struct text shown;
	char *result;

	text_init(&shown, 4 * strlen(url) + 16);
	authority = authority ? authority + 3 : url;
	path = authority + strcspn(authority, "/?#");
	/* The last @ before the path ends the user and password. */
	name = authority;
	for (const char *at = authority; at < path; at++)
		if (*at == '@')
			name = at + 1;
	query = path + strcspn(path, "?#");
	text_add(&shown, url, (size_t)(authority - url));
	text_add(&shown, name, (size_t)(query - name));
	if (*query == '?') {
		char *copy = xstrndup(query + 1, strcspn(query + 1, "#"));

		hide_query(&shown, copy);
		free(copy);
	}
	result = text_take(&shown);
	text_release(&shown);
	return result;
}

static bool is_scheme(const char *url, const char *scheme)
{
	return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

/* ------------------------------------------------------------------ what curl calls */

static bool too_large(struct transfer *transfer, size_t max)
{
	return fail_set(transfer->fail, EXIT_FAILED, "\"%s\" answers with more than the %zu bytes that are allowed",
			transfer->shown, max);
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
	struct transfer *transfer = context;
	const struct http_request *request = transfer->request;
	size_t size = unit * count, max = request->max_body_size;
	long status = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	transfer->received += size;
	if (request->sink && status == 200) {
		if (max && transfer->received > max) {
			too_large(transfer, max);
			return 0;
		}
		if (request->sink(request->sink_context, data, size, transfer->fail))
			return size;
		transfer->stopped = transfer->fail->code == 0;
		return 0;
	}
	if (text_add(&transfer->reply->body, data, size))
		return size;
	/* Of a stream's error page the status says enough. */
	if (request->sink)
		transfer->cut = true;
	else
		too_large(transfer, transfer->reply->body.max_size);
	return 0;
}

static size_t on_header(char *data UNUSED, size_t unit, size_t count, void *context)
{
	struct transfer *transfer = context;

	transfer->header_size += unit * count;
	if (transfer->header_size > MAX_HEADERS) {
		fail_set(transfer->fail, EXIT_FAILED, "\"%s\" answers with more than %d bytes of headers",
			 transfer->shown, (int)MAX_HEADERS);
		return 0;
	}
	return unit * count;
}

/* ------------------------------------------------------------------ one request */

/* A redirect may lead from http to https, never back: that would give up the verified peer. */
static void set_protocols(CURL *curl, const char *url)
{
	bool secure = is_scheme(url, "https:");

#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
			 (long)(secure ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_limits(CURL *curl, const struct http_request *request)
{
	double timeout_s = request->timeout_s > 0 ? request->timeout_s : DEFAULT_TIMEOUT_S;
	double connect_s = request->connect_timeout_s > 0 ? request->connect_timeout_s : DEFAULT_CONNECT_TIMEOUT_S;

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_s * 1000));
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_s * 1000));
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request->follow_redirects ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	if (request->sink) {
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
		curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L * 1024);
	}
}

static void set_method(CURL *curl, const struct http_request *request)
{
	const char *method = request->method ? request->method : request->body ? "POST" : "GET";

	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
		return;
	}
	if (request->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)(request->body ? request->body_size : 0));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	if (strcmp(method, "GET") != 0 || request->body)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static bool set_headers(CURL *curl, const struct http_request *request, struct curl_slist **list)
{
	/* No "Expect: 100-continue": it costs a second with servers that do not know it. */
	struct curl_slist *longer = curl_slist_append(NULL, "Expect:");

	for (const char *const *header = request->headers; longer && header && *header; header++) {
		*list = longer;
		longer = curl_slist_append(*list, *header);
	}
	if (!longer)
		return false;
	*list = longer;
	return curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *list) == CURLE_OK;
}

static void set_all(struct transfer *transfer, char *error)
{
	char agent[64]; /* curl copies it */
	CURL *curl = transfer->curl;

	snprintf(agent, sizeof(agent), "green-ml/%s", green_ml_version);
	curl_easy_setopt(curl, CURLOPT_URL, transfer->request->url);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, agent);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	if (transfer->request->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, transfer->request->ca_file);
	set_protocols(curl, transfer->request->url);
	set_limits(curl, transfer->request);
	set_method(curl, transfer->request);
}

static enum exit_code code_of(CURLcode result)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return EXIT_TRY_AGAIN;
	case CURLE_URL_MALFORMAT:
		return EXIT_WRONG_USE;
	default:
		return EXIT_FAILED;
	}
}

static bool report(const struct transfer *transfer, CURLcode result, const char *error, struct fail *fail)
{
	const char *reason = *error ? error : curl_easy_strerror(result);

	if (result == CURLE_UNSUPPORTED_PROTOCOL)
		reason = "it redirects to an address that is not followed: only http and https are, and from https "
			 "only https";
	return fail_set(fail, code_of(result), "could not read \"%s\": %s", transfer->shown, reason);
}

static void take_reply(CURL *curl, struct http_reply *reply)
{
	curl_off_t retry_after = 0;
	char *type = NULL;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	reply->retry_after_s = (double)retry_after;
	snprintf(reply->content_type, sizeof(reply->content_type), "%s", type ? type : "");
}

static bool perform(struct transfer *transfer, struct fail *fail)
{
	char error[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = NULL;
	CURLcode result;
	bool good = false;

	pthread_once(&curl_is_ready, init_curl);
	transfer->curl = curl_easy_init();
	if (!transfer->curl || !set_headers(transfer->curl, transfer->request, &headers)) {
		fail_set(fail, EXIT_FAILED, "could not prepare the request to \"%s\": out of memory", transfer->shown);
		goto out;
	}
	set_all(transfer, error);
	result = curl_easy_perform(transfer->curl);
	take_reply(transfer->curl, transfer->reply);
	if (result == CURLE_OK || transfer->stopped || transfer->cut)
		good = true;
	else
		report(transfer, result, error, fail); /* changes nothing where a callback has said why */
out:
	curl_slist_free_all(headers);
	curl_easy_cleanup(transfer->curl);
	return good;
}

bool http_request(const struct http_request *request, struct http_reply *reply, struct fail *fail)
{
	bool limited = request->max_body_size && !request->sink;
	char *shown = http_url_public(request->url);
	struct transfer transfer = {.request = request, .reply = reply, .fail = fail, .shown = shown};
	bool good = false;

	memset(reply, 0, sizeof(*reply));
	text_init(&reply->body, limited ? request->max_body_size : DEFAULT_MAX_BODY);
	if (!is_scheme(request->url, "http://") && !is_scheme(request->url, "https://"))
		fail_set(fail, EXIT_WRONG_USE, "cannot read \"%s\": only http:// and https:// URLs are understood",
			 shown);
	else
		good = perform(&transfer, fail);
	if (!good)
		http_reply_release(reply);
	free(shown);
	return good;
}

void http_reply_release(struct http_reply *reply)
{
	text_release(&reply->body);
}
