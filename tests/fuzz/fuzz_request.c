/* The body of POST /predict for a model with an integer, a real and a text: what is accepted has usable keys. And for a
 * model of two integers: the short way and the long way read the same. */
#include <string.h>

#include "model-api/request.h"
#include "model-api/scan.h"
#include "tests/fuzz/fuzz.h"

static char age[] = "age", weight[] = "weight", town[] = "town", pipeline[] = "towns", berlin[] = "Berlin",
	    koeln[] = "K\xc3\xb6ln", seven[] = "7", empty[] = "", na[] = "NA", minus_one[] = "-1";
static char *texts[] = {berlin, koeln, seven}, *missing[] = {empty, na, minus_one};
static int by_text[] = {2, 0, 1};
static int32_t missing_keys[] = {-1};
static struct forest_feature forest_features[] = {
    {.name = age, .type = COLUMN_INTEGER},
    {.name = weight, .type = COLUMN_REAL},
    {.name = town,
     .type = COLUMN_CATEGORY,
     .category_count = 3,
     .categories = texts,
     .by_text = by_text,
     .frequent = 1},
};
static struct forest forest = {.feature_count = 3, .features = forest_features};
static struct model_feature features[] = {
    {{age, COLUMN_INTEGER, missing, 3}, missing_keys, 1},
    {{weight, COLUMN_REAL, missing, 1}, NULL, 0},
    {{town, COLUMN_CATEGORY, missing, 2}, NULL, 0},
};
static const struct model model = {.pipeline = pipeline, .forest = &forest, .features = features};

/* The short way reads nothing but what the long way reads too, to the same keys. */
static char left[] = "left", right[] = "right";
static struct forest_feature integer_forest_features[] = {{.name = left, .type = COLUMN_INTEGER},
							  {.name = right, .type = COLUMN_INTEGER}};
static struct forest integer_forest = {.feature_count = 2, .features = integer_forest_features};
static struct model_feature integer_features[] = {
    {{left, COLUMN_INTEGER, missing, 3}, missing_keys, 1},
    {{right, COLUMN_INTEGER, missing, 1}, NULL, 0},
};
static const struct model integers = {.pipeline = pipeline, .forest = &integer_forest, .features = integer_features};

static void compare_ways(const char *body, size_t size, const struct request_limits *limits)
{
	struct encoded by_scan = {0}, by_parser = {0};
	struct request request = {0};
	struct scanned scanned;
	struct fail fail = {0};

	if (scan_body(body, size, &integers, limits->max_rows, &by_scan, &scanned)) {
		PROMISE(request_parse(body, size, limits, &request, &fail) && !request.pipeline &&
			!request.probabilities);
		PROMISE(request.row_count == scanned.rows && (request.row != NULL) == scanned.single);
		PROMISE(request_encode(&request, &integers, &by_parser, &fail));
		PROMISE(memcmp(by_scan.keys, by_parser.keys, scanned.rows * 2 * sizeof(int32_t)) == 0);
	}
	encoded_release(&by_scan);
	encoded_release(&by_parser);
	request_release(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct request_limits limits = {
	    .max_rows = 10, .max_columns = 3, .max_others = REQUEST_OTHERS, .max_depth = REQUEST_DEPTH};
	struct request request;
	struct encoded encoded = {0};
	struct fail fail = {0};

	if (request_parse((const char *)data, size, &limits, &request, &fail) &&
	    request_encode(&request, &model, &encoded, &fail)) {
		PROMISE(request.row_count <= 10 && encoded.unseen_count <= request.row_count);
		for (size_t row = 0; row < request.row_count; row++)
			PROMISE(encoded.keys[3 * row] != -1 && encoded.keys[3 * row + 2] >= 0 &&
				encoded.keys[3 * row + 2] < 3);
	} else {
		PROMISE(fail.code == EXIT_BAD_DATA && fail.text[0]);
	}
	encoded_release(&encoded);
	request_release(&request);
	compare_ways((const char *)data, size, &limits);
	return 0;
}
