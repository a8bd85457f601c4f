// The least that a program does which sends two mono AES67 streams at 1 ms, for
// `make bench-cost`: sleep to an absolute instant, one sendmmsg of two packets.
//
//   pace SECONDS [PRIORITY]     PRIORITY: of SCHED_FIFO; 0 or none: an ordinary thread
//
// It prints: CPU seconds, wake-ups, then by how much it woke late in µs: p50, p99,
// p99.9 and the most.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum {
  streams = 2,
  packet_bytes = 12 + 48 * 3,  // RTP header, 48 frames of L24
  period_ns = 1000000,
  second_ns = 1000000000,
};

static int by_size(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return (x > y) - (x < y);
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  long seconds = argc > 1 ? atol(argv[1]) : 0, periods = seconds * (second_ns / period_ns);
  struct sched_param priority = {.sched_priority = argc > 2 ? atoi(argv[2]) : 0};
  if (periods < 1 || argc > 3) {
    fprintf(stderr, "usage: pace SECONDS [PRIORITY]\n");
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  if (priority.sched_priority > 0 && sched_setscheduler(0, SCHED_FIFO, &priority) != 0) fail("SCHED_FIFO");

  int socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (socket_fd < 0) fail("socket");
  struct sockaddr_in group[streams];
  char packet[streams][packet_bytes] = {{0}};
  struct iovec part[streams];
  struct mmsghdr message[streams] = {0};
  for (int i = 0; i < streams; i++) {
    group[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(5004), .sin_addr.s_addr = htonl(0xef45fe01u + (unsigned)i)};
    part[i] = (struct iovec){packet[i], packet_bytes};
    message[i].msg_hdr = (struct msghdr){.msg_name = &group[i], .msg_namelen = sizeof group[i], .msg_iov = &part[i], .msg_iovlen = 1};
  }

  long *late = malloc((size_t)periods * sizeof *late);
  if (!late) fail("malloc");
  struct timespec next, now;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long n = 0; n < periods; n++) {
    next.tv_nsec += period_ns;
    if (next.tv_nsec >= second_ns) {
      next.tv_nsec -= second_ns;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    late[n] = (now.tv_sec - next.tv_sec) * second_ns + now.tv_nsec - next.tv_nsec;
    if (sendmmsg(socket_fd, message, streams, MSG_DONTWAIT) != streams) fail("sendmmsg");
  }

  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  qsort(late, (size_t)periods, sizeof *late, by_size);
  printf("%.6f %ld %.1f %.1f %.1f %.1f\n",
         (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
         used.ru_nvcsw, (double)late[periods / 2] / 1e3, (double)late[periods * 99 / 100] / 1e3,
         (double)late[periods * 999 / 1000] / 1e3, (double)late[periods - 1] / 1e3);
  return 0;
}
