/* The body of POST /predict for a model with an integer, a real and a text: what is accepted has usable keys. */
#include "model-api/request.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct request_limits limits = {.max_rows = 10, .max_columns = 3};
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
	return 0;
}
