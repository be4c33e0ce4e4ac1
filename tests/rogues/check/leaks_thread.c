/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts a thread for each bdev and never ends it. */
#include <pthread.h>
#include <unistd.h>

static void* wait_for_ever(void* arg) {
    while (pause() != 0) {
    }
    return arg;
}

static void start_thread(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) pthread_detach(thread);
}

#define ROGUE_CREATE(disk) start_thread()
#include "rogue_disk.h"
