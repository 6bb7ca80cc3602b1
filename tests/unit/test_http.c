#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/attr.h"
#include "common/http.h"

/* Requests against a real server are in tests/integration. */

static void urls_are_shown_without_secrets(void **state UNUSED)
{
	static const struct {
		const char *url, *shown;
	} urls[] = {
	    {"http://host/a.csv", "http://host/a.csv"},
	    {"https://host:8443/a/b.csv", "https://host:8443/a/b.csv"},
	    {"https://me@host/a", "https://host/a"},
	    {"https://me:pass@host:1/a", "https://host:1/a"},
	    {"https://me:p@ss@host/a", "https://host/a"},
	    {"https://me:pass@host", "https://host"},
	    {"https://host/a@b", "https://host/a@b"},
	    {"https://host/?mail=a@b", "https://host/?mail=a@b"},
	    {"https://host?x=1@2", "https://host?x=1@2"},
	    {"https://host/a?zone=DE&start=1", "https://host/a?zone=DE&start=1"},
	    {"https://host/a?token=x", "https://host/a?token=***"},
	    {"https://host/a?zone=DE&auth_Token=x&b=", "https://host/a?zone=DE&auth_Token=***&b="},
	    {"https://host/a?X-Amz-Signature=f00&X-Amz-Credential=me&X-Amz-Date=1",
	     "https://host/a?X-Amz-Signature=***&X-Amz-Credential=***&X-Amz-Date=1"},
	    {"https://host/a?apikey=x#part", "https://host/a?apikey=***"},
	    {"https://host/a#part", "https://host/a"},
	    {"https://host/a?token", "https://host/a?token"},
	    {"https://host/a?&&x", "https://host/a?&&x"},
	    {"https://host/a?", "https://host/a"},
	    {"no url", "no url"},
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		char *shown = http_url_public(urls[i].url);

		assert_string_equal(shown, urls[i].shown);
		free(shown);
	}
}

static void other_schemes_are_refused(void **state UNUSED)
{
	static const char *const urls[] = {"file:///etc/passwd", "ftp://host/a", "gopher://host",
					   "/etc/passwd",	 "host/a",	 ""};

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct http_request request = {.url = urls[i]};
		struct http_reply reply;
		struct fail fail = {0};

		assert_false(http_request(&request, &reply, &fail));
		assert_int_equal(fail.code, EXIT_WRONG_USE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls_are_shown_without_secrets),
	    cmocka_unit_test(other_schemes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
