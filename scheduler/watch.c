#include "scheduler/watch.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"

enum { RETRY_S = 30 };

/* The signals that end it are read from a descriptor, so that they never interrupt a tick. */
static int take_signals(struct fail *fail)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		fail_set(fail, EXIT_FAILED, "could not listen for signals: %s", strerror(errno));
	return fd;
}

static bool start_to_listen(PGconn *db)
{
	struct fail fail = {0};

	if (db_run(db, &fail, "LISTEN green_ml_preprocessing", 0, NULL) &&
	    db_run(db, &fail, "LISTEN green_ml_promotion", 0, NULL))
		return true;
	log_warning("could not listen for loads, only the timer wakes", "error", "%s", fail.text, NULL);
	return false;
}

/* Takes what has come; false when the connection is gone. */
static bool take_notices(PGconn *db, bool *came)
{
	PGnotify *notice;

	if (!PQconsumeInput(db) || PQstatus(db) != CONNECTION_OK)
		return false;
	while ((notice = PQnotifies(db))) {
		*came = true;
		PQfreemem(notice);
	}
	return true;
}

/* Waits until the time has come, a signal (then true), or something on the connection. */
static bool wait_until(double at_s, int signals, PGconn *db)
{
	struct pollfd polled[2] = {{.fd = signals, .events = POLLIN}, {.fd = db ? PQsocket(db) : -1, .events = POLLIN}};
	double left_s = fmax(0, at_s - clock_monotonic_s());

	(void)poll(polled, 2, (int)fmin(ceil(1000 * left_s), 3600 * 1000));
	return polled[0].revents & POLLIN;
}

bool watch_run(const struct watch *watch, struct fail *fail)
{
	int signals = take_signals(fail);
	PGconn *db = NULL;
	bool ended = false;

	while (signals >= 0 && !ended) {
		double started_s = clock_monotonic_s(), next_s;
		bool came = false;
		int backend = db ? PQbackendPID(db) : 0;

		watch->round(watch->context, &db);
		if (db && PQbackendPID(db) != backend)
			(void)start_to_listen(db);
		next_s = started_s + (db ? watch->interval_s : fmin(RETRY_S, watch->interval_s));
		while (!ended && clock_monotonic_s() < next_s) {
			bool had_come = came;

			if (db && !take_notices(db, &came)) {
				log_warning("the database connection was lost", "retry_s", "%d", (int)RETRY_S, NULL);
				db_close(db);
				db = NULL;
				next_s = fmin(next_s, clock_monotonic_s() + RETRY_S);
			}
			if (came && !had_come)
				next_s = fmin(next_s, clock_monotonic_s() + watch->settle_s);
			ended = wait_until(next_s, signals, db);
		}
	}
	if (signals >= 0)
		close(signals);
	db_close(db);
	return ended;
}
