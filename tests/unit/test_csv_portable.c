/* The tests of test_csv.c on the reader as it is where there is no SSE2. */
#define CSV_PORTABLE
#include "common/csv.c"
#include "tests/unit/test_csv.c"
