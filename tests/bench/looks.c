/*
 * looks - how often the scheduler would retrain a model that has not become worse, and how soon it finds one that has.
 *
 *	looks [--streams 1000] [--days 365] [--rows 1000] [--reference 20000] [--accuracy 0.79] [--low 0.01] [--seed 1]
 *[--check]
 *
 * Each stream is a model with a holdout of --reference rows and a load of --rows rows a day; all of them are right with
 * the same probability, independently. What the scheduler would see is drawn (binomial, exact), and decide() is asked
 * after every load, as a tick with the policy "now" would: a need is a retraining. Then the same with an abrupt drop of
 * 5, 10 and 20 points at a tenth of the time: how many rows came until there is a need, and until it is trained at
 * once. --check: exit code 1 when more than 5 % of the stationary streams ever retrain, or a drop is not found.
 */
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/banned.h"
#include "common/number.h"
#include "common/xalloc.h"
#include "scheduler/decide.h"

struct simulation {
	int streams, days, rows, reference;
	double accuracy, low;
	uint64_t seed;
	bool check;
};

/* How many of n rows are right, each with probability p: the smallest k whose cumulated probability exceeds u. */
struct binomial {
	int n;
	double *below; /* P(K <= k) */
};

static struct binomial binomial_new(int n, double p)
{
	struct binomial binomial = {n, xcalloc((size_t)n + 1, sizeof(double))};
	double sum = 0;

	for (int k = 0; k <= n; k++) {
		sum += exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(p) + (n - k) * log1p(-p));
		binomial.below[k] = sum;
	}
	return binomial;
}

struct draws {
	struct binomial reference, before, after;
};

/* splitmix64 */
static double uniform(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int draw(const struct binomial *binomial, uint64_t *state)
{
	double u = uniform(state);
	int low = 0, high = binomial->n;

	while (low < high) {
		int middle = (low + high) / 2;

		if (binomial->below[middle] > u)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct found {
	int need_day, train_day; /* after which day's load; -1: never */
};

/* One stream: a look after every load. The windows are the scheduler's: all rows, and the newest 20,000. */
static struct found follow(const struct simulation *run, const struct policy *policy, const struct draws *draws,
			   int drop_day, uint64_t *state)
{
	enum { RECENT_ROWS = 20000 };
	int recent_loads = (RECENT_ROWS + run->rows - 1) / run->rows, *k = xcalloc((size_t)run->days, sizeof(*k));
	struct signal signal = {.has_champion = true,
				.reference_k = draw(&draws->reference, state),
				.reference_n = run->reference,
				.duration_s = NAN,
				.retrain_kwh = NAN,
				.open_tick_kwh = NAN,
				.idle_tick_kwh = NAN};
	struct found found = {-1, -1};

	for (int day = 0; day < run->days && found.train_day < 0; day++) {
		struct decision decision;

		k[day] = draw(day < drop_day ? &draws->before : &draws->after, state);
		signal.now_s = 86400.0 * day;
		signal.look = day + 1;
		signal.window_k[WINDOW_ALL] += k[day];
		signal.window_n[WINDOW_ALL] += run->rows;
		signal.window_k[WINDOW_RECENT] += k[day] - (day >= recent_loads ? k[day - recent_loads] : 0);
		signal.window_n[WINDOW_RECENT] = (int64_t)run->rows * (day < recent_loads ? day + 1 : recent_loads);
		signal.rows = signal.window_n[WINDOW_ALL];
		decision = decide(policy, &signal);
		if (decision.verdict == VERDICT_TRAIN && found.need_day < 0)
			found.need_day = day;
		if (decision.sent_at_once)
			found.train_day = day;
		if (found.need_day >= 0 && found.need_day < drop_day)
			break; /* that model is gone */
	}
	free(k);
	return found;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* days: of the streams in which it was found, of so many. */
static void print_delay(const struct simulation *run, const char *what, int *days, int found, int streams)
{
	qsort(days, (size_t)found, sizeof(*days), compare);
	printf("  %-16s", what);
	if (found)
		printf("after %d rows (median), %d (90 %%)", run->rows * days[found / 2],
		       run->rows * days[found * 9 / 10]);
	printf("%s%d of %d never\n", found ? "; " : "", streams - found, streams);
}

static bool stationary(const struct simulation *run, const struct policy *policy, const struct draws *draws)
{
	uint64_t state = run->seed;
	int needs = 0;

	for (int i = 0; i < run->streams; i++)
		needs += follow(run, policy, draws, run->days, &state).need_day >= 0;
	printf("no drop: %d of %d streams ever retrain (%.1f %%)\n", needs, run->streams, 100.0 * needs / run->streams);
	return needs * 20 <= run->streams;
}

static bool abrupt(const struct simulation *run, const struct policy *policy, const struct draws *draws, double drop)
{
	int *need = xcalloc((size_t)run->streams, sizeof(*need)),
	    *train = xcalloc((size_t)run->streams, sizeof(*train));
	int drop_day = run->days / 10, needs = 0, trains = 0, streams = 0;
	uint64_t state = run->seed;

	for (int i = 0; i < run->streams; i++) {
		struct found found = follow(run, policy, draws, drop_day, &state);

		if (found.need_day >= 0 && found.need_day < drop_day)
			continue;
		streams++;
		if (found.need_day >= 0)
			need[needs++] = found.need_day + 1 - drop_day;
		if (found.train_day >= 0)
			train[trains++] = found.train_day + 1 - drop_day;
	}
	printf("drop of %.0f points after %d rows:\n", 100 * drop, run->rows * drop_day);
	print_delay(run, "a need", need, needs, streams);
	print_delay(run, "trained at once", train, trains, streams);
	free(need);
	free(train);
	return needs == streams;
}

static bool simulate(const struct simulation *run, double drop)
{
	struct policy policy = {.name = "now",
				.start = START_NOW,
				.low_accuracy_decrease = run->low,
				.max_accuracy_decrease = 0.05,
				.min_rows = 1000,
				.min_new_rows = 1000,
				.finish_within_s = 168 * 3600,
				.tick_s = 900,
				.drift_psi = NAN};
	struct draws draws = {binomial_new(run->reference, run->accuracy), binomial_new(run->rows, run->accuracy),
			      binomial_new(run->rows, run->accuracy - drop)};
	bool good = drop > 0 ? abrupt(run, &policy, &draws, drop) : stationary(run, &policy, &draws);

	free(draws.reference.below);
	free(draws.before.below);
	free(draws.after.below);
	return good;
}

static _Noreturn void usage(void)
{
	fputs("usage: looks [--streams N] [--days N] [--rows N] [--reference N] [--accuracy A] [--low D] [--seed N] "
	      "[--check]\n",
	      stderr);
	exit(2);
}

static struct simulation read_options(int argc, char **argv)
{
	static const struct option options[] = {{"streams", required_argument, NULL, 's'},
						{"days", required_argument, NULL, 'd'},
						{"rows", required_argument, NULL, 'r'},
						{"reference", required_argument, NULL, 'f'},
						{"accuracy", required_argument, NULL, 'a'},
						{"low", required_argument, NULL, 'l'},
						{"seed", required_argument, NULL, 'e'},
						{"check", no_argument, NULL, 'c'},
						{NULL, 0, NULL, 0}};
	struct simulation run = {1000, 365, 1000, 20000, 0.79, 0.01, 1, false};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		double number = 0;

		if (option == '?' || (option != 'c' && !number_double(optarg, &number)))
			usage();
		switch (option) {
		case 's':
			run.streams = (int)number;
			break;
		case 'd':
			run.days = (int)number;
			break;
		case 'r':
			run.rows = (int)number;
			break;
		case 'f':
			run.reference = (int)number;
			break;
		case 'a':
			run.accuracy = number;
			break;
		case 'l':
			run.low = number;
			break;
		case 'e':
			run.seed = (uint64_t)number;
			break;
		default:
			run.check = true;
		}
	}
	if (optind < argc || run.streams < 1 || run.days < 10 || run.rows < 1 || run.reference < 1 ||
	    run.accuracy <= 0.2 || run.accuracy >= 1)
		usage();
	return run;
}

int main(int argc, char **argv)
{
	static const double drops[] = {0, 0.05, 0.1, 0.2};
	struct simulation run = read_options(argc, argv);
	bool good = true;

	printf("%d streams of %d loads of %d rows, right with probability %g, holdout %d, low %g\n", run.streams,
	       run.days, run.rows, run.accuracy, run.reference, run.low);
	for (size_t i = 0; i < sizeof(drops) / sizeof(*drops); i++)
		good = simulate(&run, drops[i]) && good;
	return run.check && !good;
}
