#include "scheduler/history_command.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/setting.h"
#include "scheduler/stored.h"

static struct {
	struct stored_range range;
	bool json, csv;
} config;

static const struct setting settings[] = {
    STORED_SETTINGS(config.range, "50"),
    {"csv", NULL, SETTING_FLAG, &config.csv, NULL, .help = "print CSV with all columns"},
    {"json", NULL, SETTING_FLAG, &config.json, NULL, .help = "print one JSON array of objects"},
};

static const struct program program = {
    .name = "scheduler history",
    .purpose = "Prints the decisions that were stored, oldest first.",
    .usage = "--pipeline PATH [OPTIONS]",
    .notes = "In the table a drop is in points, tick_g are the grams of the tick: the whole pod where that is known.",
    .settings = settings,
    .setting_count = sizeof(settings) / sizeof(*settings),
};

/* Types of PostgreSQL whose text is a number in JSON too; "t" and "f" are a boolean's. */
enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT4 = 23, OID_FLOAT8 = 701, OID_TIME = 1184, OID_JSONB = 3802 };

/* A cell as it is shown; NULL: nothing. Times as all of the program's are, to the second. */
static const char *cell_text(const PGresult *rows, int row, int column, char time[CLOCK_TEXT_SIZE])
{
	const char *value = db_text(rows, row, column);

	if (!value || PQftype(rows, column) != OID_TIME)
		return value;
	snprintf(time, CLOCK_TEXT_SIZE, "%.10sT%.8sZ", value, value + strlen("2026-01-01 "));
	return time;
}

static json_t *cell_json(const PGresult *rows, int row, int column)
{
	char time[CLOCK_TEXT_SIZE];
	const char *value = cell_text(rows, row, column, time);

	if (!value)
		return json_null();
	switch (PQftype(rows, column)) {
	case OID_BOOL:
		return json_boolean(*value == 't');
	case OID_INT4:
	case OID_INT8:
		return json_integer(strtoll(value, NULL, 10));
	case OID_FLOAT8:
		return isfinite(strtod(value, NULL)) ? json_real(strtod(value, NULL)) : json_null();
	case OID_JSONB:
		return json_loads(value, JSON_DECODE_ANY, NULL);
	default:
		return json_string(value);
	}
}

static void print_json(const PGresult *rows)
{
	json_t *list = json_array();

	for (int row = 0; row < PQntuples(rows); row++) {
		json_t *object = json_object();

		for (int column = 0; column < PQnfields(rows); column++)
			json_object_set_new(object, PQfname(rows, column), cell_json(rows, row, column));
		json_array_append_new(list, object);
	}
	json_dumpf(list, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	puts("");
	json_decref(list);
}

/* RFC 4180, with bare newlines. */
static void print_csv_field(const char *value)
{
	if (!strpbrk(value, ",\"\r\n")) {
		fputs(value, stdout);
		return;
	}
	putchar('"');
	for (; *value; value++) {
		if (*value == '"')
			putchar('"');
		putchar(*value);
	}
	putchar('"');
}

static void print_csv(const PGresult *rows)
{
	for (int row = -1; row < PQntuples(rows); row++)
		for (int column = 0; column < PQnfields(rows); column++) {
			char time[CLOCK_TEXT_SIZE];
			const char *value = row < 0 ? PQfname(rows, column) : cell_text(rows, row, column, time);

			print_csv_field(value ? value : "");
			putchar(column + 1 < PQnfields(rows) ? ',' : '\n');
		}
}

/* What the table shows, in its own words and widths. */
static const struct shown {
	const char *column, *title;
	int width;
	double factor; /* of a number; 0: a text */
	int decimals;
} shown_columns[] = {
    {"decided_at", "at", 20, 0, 0},
    {"pipeline", "pipeline", 12, 0, 0},
    {"verdict", "verdict", 7, 0, 0},
    {"rule", "rule", 19, 0, 0},
    {"rung", "rung", 10, 0, 0},
    {"drop", "drop", 6, 100, 2},
    {"drop_ci_low", "low", 6, 100, 2},
    {"drop_ci_high", "high", 6, 100, 2},
    {"look", "look", 4, 1, 0},
    {"rows_evidence", "rows", 8, 1, 0},
    {"reading_gco2_per_kwh", "g/kWh", 6, 1, 0},
    {"latest_start_at", "latest start", 20, 0, 0},
    {"tick_g", "tick g", 8, 1, 6},
    {"workflow", "workflow", 0, 0, 0},
};

static void print_table(const PGresult *rows)
{
	for (int row = -1; row < PQntuples(rows); row++) {
		for (size_t i = 0; i < sizeof(shown_columns) / sizeof(*shown_columns); i++) {
			const struct shown *shown = &shown_columns[i];
			char number[32], time[CLOCK_TEXT_SIZE];
			int column = PQfnumber(rows, shown->column);
			const char *value = row < 0 ? shown->title : cell_text(rows, row, column, time);

			if (row >= 0 && value && shown->factor > 0) {
				snprintf(number, sizeof(number), "%.*f", shown->decimals,
					 shown->factor * strtod(value, NULL));
				value = number;
			}
			printf("%*s", shown->factor > 0 ? shown->width : -shown->width, value ? value : "-");
			fputs(i + 1 < sizeof(shown_columns) / sizeof(*shown_columns) ? "  " : "\n", stdout);
		}
	}
}

static bool print_history(PGconn *db, const char *pipelines, struct fail *fail)
{
	PGresult *rows = stored_query(db, &config.range, pipelines, "green_ml.history", fail);

	if (!rows)
		return fail_prefix(fail, "could not read the stored decisions");
	if (config.json)
		print_json(rows);
	else if (config.csv)
		print_csv(rows);
	else
		print_table(rows);
	db_free(rows);
	return true;
}

int history_command(int argc, char **argv)
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
	if (config.json && config.csv)
		fail_set(&fail, EXIT_WRONG_USE, "--json and --csv exclude each other");
	if (fail.code || !stored_with(&config.range, print_history, &fail))
		return fail_exit(&fail);
	return EXIT_DONE;
}
