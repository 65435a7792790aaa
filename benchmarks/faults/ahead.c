/* A wall clock that is an hour ahead, for the processes that load this (LD_PRELOAD).
 *
 * libfaketime was tried: Python's time.sleep fails under it (EINVAL). Deadlines of the wall clock are put back
 * by the hour before the kernel sees them, else a wait of a second takes an hour; those of the monotonic clock
 * are told by their size. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { AHEAD_S = 3600, WALL_S = 1000000000 };

#define NEXT(result, name, parameters)                          \
  static result(*next) parameters;                              \
  if (!next) next = (result(*) parameters)dlsym(RTLD_NEXT, #name)

static const struct timespec *true_time(const struct timespec *at, struct timespec *room) {
  if (!at || at->tv_sec < WALL_S) return at;
  *room = *at;
  room->tv_sec -= AHEAD_S;
  return room;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  NEXT(int, clock_gettime, (clockid_t, struct timespec *));
  int failed = next(clock, at);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += AHEAD_S;
  return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  NEXT(int, gettimeofday, (struct timeval *, void *));
  int failed = next(at, zone);
  if (!failed) at->tv_sec += AHEAD_S;
  return failed;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *at, struct timespec *left) {
  NEXT(int, clock_nanosleep, (clockid_t, int, const struct timespec *, struct timespec *));
  struct timespec room;
  return next(clock, flags, flags & TIMER_ABSTIME ? true_time(at, &room) : at, left);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *at) {
  static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  if (!next) next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2"); /* dlsym: an older one */
  struct timespec room;
  return next(condition, mutex, true_time(at, &room));
}

int pthread_cond_clockwait(
    pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *at) {
  NEXT(int, pthread_cond_clockwait,
       (pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *));
  struct timespec room;
  return next(condition, mutex, clock, true_time(at, &room));
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *at) {
  NEXT(int, pthread_mutex_timedlock, (pthread_mutex_t *, const struct timespec *));
  struct timespec room;
  return next(mutex, true_time(at, &room));
}

int sem_timedwait(sem_t *semaphore, const struct timespec *at) {
  NEXT(int, sem_timedwait, (sem_t *, const struct timespec *));
  struct timespec room;
  return next(semaphore, true_time(at, &room));
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *at) {
  NEXT(int, sem_clockwait, (sem_t *, clockid_t, const struct timespec *));
  struct timespec room;
  return next(semaphore, clock, true_time(at, &room));
}

long syscall(long number, ...) {
  NEXT(long, syscall, (long, ...));
  long a[6];
  va_list given;
  va_start(given, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(given, long);
  va_end(given);
  struct timespec room;
  if (number == SYS_futex && (a[1] & 127) == 9) /* FUTEX_WAIT_BITSET: an absolute deadline; Abseil's waits */
    a[3] = (long)true_time((const struct timespec *)a[3], &room);
  if (number == SYS_clock_gettime) return clock_gettime((clockid_t)a[0], (struct timespec *)a[1]);
  return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
