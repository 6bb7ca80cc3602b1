#ifndef MODEL_TRAINING_PARALLEL_H
#define MODEL_TRAINING_PARALLEL_H

/*
 * Numbered pieces of work shared among threads: each thread takes the next number until none is left. The first worker
 * runs in the calling thread; with threads = 1 no thread is started.
 */

enum { PARALLEL_STACK_BYTES = 1 << 20 }; /* of each thread */

struct parallel_counter;

/* The next piece, or -1 when none is left. */
int parallel_next(struct parallel_counter *counter);
/* How many pieces have been given out. */
int parallel_given(const struct parallel_counter *counter);

/* Runs worker(counter, context) in up to `threads` threads and waits for all of them. */
void parallel_run(int pieces, int threads, void (*worker)(struct parallel_counter *counter, void *context),
		  void *context);

/* The same with all `threads`, also where there are fewer pieces: those that find none left may help the others. */
void parallel_run_all(int pieces, int threads, void (*worker)(struct parallel_counter *counter, void *context),
		      void *context);

#endif
