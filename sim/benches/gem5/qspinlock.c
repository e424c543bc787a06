/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A queued spin lock with a pending bit, taken and released in an endless loop by as many threads as are asked for: the
 * work of the case `qspinlock`, for gem5. One 32-bit word:
 *   bits 0..7 locked, bit 8 pending, bits 16..17 nesting (always 0 here), bits 18..31 the last waiter's thread number + 1.
 *
 *   qspinlock THREADS ACQUISITIONS_PER_THREAD [WARM_UP_PER_THREAD]
 *
 * Ends with status 1 if the counter that the lock guards does not hold all acquisitions.
 * With -DGEM5 the region behind the warm-up is told to gem5 by m5_work_begin and m5_work_end.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef GEM5
#include <gem5/m5ops.h>
#endif

enum { THREADS_MAX = 64, LINE = 64 };
#define LOCKED 1u
#define LOCKED_MASK 0xffu
#define PENDING (1u << 8)
#define LOCKED_PENDING_MASK 0xffffu
#define TAIL_SHIFT 18
#define TAIL_MASK 0xffff0000u

union lock {
	_Atomic uint32_t word;
	struct {
		_Atomic uint8_t locked, pending;
		_Atomic uint16_t tail; /* bits 16..31 of the word, on a little-endian machine */
	} part;
};

struct node {
	struct node *_Atomic next;
	_Atomic uint32_t granted;
} __attribute__((aligned(LINE)));

static union lock lock __attribute__((aligned(LINE)));
static struct node nodes[THREADS_MAX];
static struct { uint64_t value; } counter __attribute__((aligned(LINE)));
static struct { _Atomic unsigned warm; _Atomic unsigned go; } gate __attribute__((aligned(LINE)));
static unsigned threads;
static uint64_t warm_up, acquisitions;

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

static void acquire_slow(unsigned me, uint32_t seen)
{
	struct node *mine = &nodes[me], *next;

	/* The pending waiter is about to get it: give it a moment. */
	for (int i = 0; seen == PENDING && i < 512; i++) {
		relax();
		seen = atomic_load_explicit(&lock.word, memory_order_relaxed);
	}
	if (!(seen & ~LOCKED_MASK)) {
		seen = atomic_fetch_or_explicit(&lock.word, PENDING, memory_order_acquire);
		if (!(seen & ~LOCKED_MASK)) {
			/* Pending is ours: wait for the owner only, then turn pending into locked. */
			while (atomic_load_explicit(&lock.part.locked, memory_order_acquire))
				relax();
			atomic_fetch_add_explicit(&lock.word, LOCKED - PENDING, memory_order_relaxed);
			return;
		}
		if (!(seen & PENDING))
			atomic_store_explicit(&lock.part.pending, 0, memory_order_relaxed);
	}
	/* The queue. */
	atomic_store_explicit(&mine->next, NULL, memory_order_relaxed);
	atomic_store_explicit(&mine->granted, 0, memory_order_relaxed);
	uint32_t tail = (me + 1) << TAIL_SHIFT;
	uint32_t free = 0;
	if (atomic_compare_exchange_strong_explicit(&lock.word, &free, LOCKED, memory_order_acquire, memory_order_relaxed))
		return;
	uint32_t before = atomic_exchange_explicit(&lock.part.tail, (uint16_t)(tail >> 16), memory_order_acq_rel);
	if (before) {
		struct node *previous = &nodes[(before >> (TAIL_SHIFT - 16)) - 1];
		atomic_store_explicit(&previous->next, mine, memory_order_release);
		while (!atomic_load_explicit(&mine->granted, memory_order_acquire))
			relax();
	}
	/* First in the queue: wait for the owner and for the pending waiter. */
	while ((seen = atomic_load_explicit(&lock.word, memory_order_acquire)) & LOCKED_PENDING_MASK)
		relax();
	if ((seen & TAIL_MASK) == tail &&
	    atomic_compare_exchange_strong_explicit(&lock.word, &seen, LOCKED, memory_order_relaxed, memory_order_relaxed))
		return;
	atomic_store_explicit(&lock.part.locked, 1, memory_order_relaxed);
	while (!(next = atomic_load_explicit(&mine->next, memory_order_relaxed)))
		relax();
	atomic_store_explicit(&next->granted, 1, memory_order_release);
}

static inline void acquire(unsigned me)
{
	uint32_t free = 0;

	if (!atomic_compare_exchange_strong_explicit(&lock.word, &free, LOCKED, memory_order_acquire, memory_order_relaxed))
		acquire_slow(me, free);
}

static inline void release(void)
{
	atomic_store_explicit(&lock.part.locked, 0, memory_order_release);
}

static void times(unsigned me, uint64_t n)
{
	while (n--) {
		acquire(me);
		counter.value++;
		release();
	}
}

static void *work(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
#if defined(__linux__) && !defined(GEM5)
	/* In gem5's system-call emulation every thread has a core of its own. */
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(me, &set);
	(void)sched_setaffinity(0, sizeof set, &set); /* Fewer cores than threads: it stays where it is. */
#endif
	times(me, warm_up);
	/* Nobody begins to be counted before all are warm; the last one starts the count. */
	if (atomic_fetch_add(&gate.warm, 1) + 1 == threads) {
#ifdef GEM5
		m5_work_begin(0, 0);
#endif
		atomic_store(&gate.go, 1);
	}
	while (!atomic_load(&gate.go)) {
		relax();
#ifndef GEM5
		sched_yield();
#endif
	}
	times(me, acquisitions);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t others[THREADS_MAX];

	if (argc < 3 || argc > 4 || (threads = (unsigned)atoi(argv[1])) < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: qspinlock THREADS ACQUISITIONS_PER_THREAD [WARM_UP_PER_THREAD]\n");
		return 2;
	}
	acquisitions = strtoull(argv[2], NULL, 10);
	warm_up = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&others[i], NULL, work, (void *)(uintptr_t)i)) {
			fprintf(stderr, "thread %u cannot be started\n", i);
			return 2;
		}
	work((void *)0);
	for (unsigned i = 1; i < threads; i++)
		pthread_join(others[i], NULL);
#ifdef GEM5
	m5_work_end(0, 0);
#endif
	uint64_t wanted = threads * (warm_up + acquisitions);
	printf("acquisitions %llu of %llu\n", (unsigned long long)counter.value, (unsigned long long)wanted);
	return counter.value != wanted;
}
