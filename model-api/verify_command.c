#include "model-api/verify_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/fail.h"
#include "common/http.h"
#include "common/setting.h"
#include "model-api/verify.h"

static struct verify verify;

static const struct setting settings[] = {
    {"pipeline", "PIPELINE_NAME", SETTING_TEXT, &verify.pipeline, NULL, 0, 0, NULL, "NAME", "whose promotion"},
    {"expect-promotion", "PROMOTION_ID", SETTING_INT, &verify.promotion_id, NULL, 1, 9e15, NULL, "N",
     "this promotion or a later one"},
    {"service", NULL, SETTING_TEXT, &verify.service, NULL, 0, 0, NULL, "HOST",
     "every address of this name is asked; a headless Service has one for each ready pod"},
    {"port", "API_PORT", SETTING_INT, &verify.port, "5000", 1, 65535, NULL, "N", "of the servers"},
    {"within-s", NULL, SETTING_REAL, &verify.within_s, "60", 0, 86400, NULL, "S", "how long to wait for it"},
};

static const struct program program = {
    .name = "model-api verify",
    .purpose = "Waits until every server of a name serves a promotion.",
    .usage = "--pipeline NAME --expect-promotion N --service HOST [OPTIONS]",
    .notes = "Exit codes: 0 all serve it, 1 not in time, 2 wrong usage",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

static bool complete(struct fail *fail)
{
	const char *missing = !verify.pipeline	     ? "--pipeline"
			      : !verify.promotion_id ? "--expect-promotion"
			      : !verify.service	     ? "--service"
						     : NULL;

	if (missing)
		return fail_set(fail, EXIT_WRONG_USE, "%s is missing: see model-api verify --help", missing);
	/* It becomes part of a URL. */
	return verify.pipeline[strspn(verify.pipeline, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0' ||
	       fail_set(fail, EXIT_WRONG_USE, "--pipeline \"%s\" is no name of a pipeline", verify.pipeline);
}

int verify_command(int argc, char **argv)
{
	struct fail fail = {0};

	switch (settings_read(&program, argc, argv, NULL, &fail)) {
	case SETTINGS_SHOWN:
		return EXIT_DONE;
	case SETTINGS_WRONG:
		return fail_exit(&fail);
	case SETTINGS_OK:
		break;
	}
	http_init();
	if (!complete(&fail) || !verify_promotion(&verify, &fail))
		return fail_exit(&fail);
	printf("promotion %" PRId64 " of %s is served by %d server%s, after %.1f s\n", verify.promotion_id,
	       verify.pipeline, verify.servers, verify.servers == 1 ? "" : "s", verify.after_s);
	return EXIT_DONE;
}
