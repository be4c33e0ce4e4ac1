/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A RAM disk of zones that keeps every rule, to be spoilt: the disk of rogue_disk.h with 32 zones of 64
 * blocks, of which 48 can be written, four open at a time. A rogue defines one of the hooks below, and
 * includes this file.
 *
 *     ROGUE_TOLD(zone, info)          a statement: what a report says of a zone is in `info`
 *     ROGUE_PLACE(zone, block)        whether a write may begin there, instead of at the write pointer alone
 *     ROGUE_RESET(zone)               a statement: resets the zone
 *     ROGUE_CLOSED                    the state after close
 *     ROGUE_MOST_OPEN                 how many zones can be open
 *     ROGUE_CAPACITY                  how many blocks of a zone can be written
 */
#ifndef ROGUE_ZONES_H
#define ROGUE_ZONES_H

#include <bdevkit/bdevkit.h>
#include <bdevkit/zone.h>
#include <pthread.h>

#ifndef ROGUE_TOLD
#define ROGUE_TOLD(zone, info)
#endif
#ifndef ROGUE_PLACE
#define ROGUE_PLACE(zone, block) ((block) == (zone)->pointer)
#endif
#ifndef ROGUE_RESET
#define ROGUE_RESET(zone)                                       \
    *(zone) = (struct zone) {                                   \
        (zone)->first, (zone)->first, BDK_BDEV_ZONE_STATE_EMPTY \
    }
#endif
#ifndef ROGUE_CLOSED
#define ROGUE_CLOSED BDK_BDEV_ZONE_STATE_CLOSED
#endif
#ifndef ROGUE_MOST_OPEN
#define ROGUE_MOST_OPEN most_open_zones
#endif
#ifndef ROGUE_CAPACITY
#define ROGUE_CAPACITY zone_capacity
#endif

enum { zone_blocks = 64, zone_capacity = 48, most_open_zones = 4 };
/* NVMe's status codes of zones, of the type "command specific". */
enum {
    zone_boundary = 0xb8,
    zone_full = 0xb9,
    zone_invalid_write = 0xbc,
    zone_too_many_open = 0xbe,
    zone_invalid_transition = 0xbf
};

struct disk;
static void make_zones(struct disk* disk);
static bool take_zoned(struct disk* disk, struct bdk_bdev_io* io);

#define ROGUE_CREATE(disk) make_zones(disk)
#define ROGUE_SUBMIT(disk, io) \
    if (take_zoned(disk, io)) return
#include "rogue_disk.h"

struct zone {
    uint64_t first, pointer;
    uint32_t state;
};

enum { zone_count = disk_blocks / zone_blocks };

struct zones {
    pthread_mutex_t mutex;
    struct zone zone[zone_count];
};

static void make_zones(struct disk* disk) {
    struct zones* zones = calloc(1, sizeof(*zones));
    pthread_mutex_init(&zones->mutex, NULL);
    for (uint64_t i = 0; i < zone_count; i++)
        zones->zone[i] = (struct zone){i * zone_blocks, i * zone_blocks, BDK_BDEV_ZONE_STATE_EMPTY};
    disk->extra = zones;
    disk->bdev.flags |= BDK_BDEV_ZONED;
    disk->bdev.zone_size = zone_blocks;
    disk->bdev.max_open_zones = most_open_zones;
    disk->bdev.io_type_supported |= BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_GET_ZONE_INFO) |
                                    BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT) |
                                    BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ZONE_APPEND);
}

static bool is_open(const struct zone* zone) {
    return zone->state == BDK_BDEV_ZONE_STATE_IMP_OPEN || zone->state == BDK_BDEV_ZONE_STATE_EXP_OPEN;
}

/* 0, or the status code that refuses it. */
static uint32_t open_zone(struct zones* zones, struct zone* zone, uint32_t state) {
    int open = 0;
    if (zone->state == BDK_BDEV_ZONE_STATE_FULL) return zone_invalid_transition;
    for (int i = 0; i < zone_count; i++)
        open += is_open(&zones->zone[i]);
    if (!is_open(zone) && open >= ROGUE_MOST_OPEN) return zone_too_many_open;
    if (zone->state != BDK_BDEV_ZONE_STATE_EXP_OPEN) zone->state = state;
    return 0;
}

static uint32_t manage_zone(struct zones* zones, struct zone* zone, uint32_t action) {
    switch (action) {
        case BDK_BDEV_ZONE_OPEN:
            return open_zone(zones, zone, BDK_BDEV_ZONE_STATE_EXP_OPEN);
        case BDK_BDEV_ZONE_CLOSE:
            if (!is_open(zone) && zone->state != BDK_BDEV_ZONE_STATE_CLOSED) return zone_invalid_transition;
            zone->state = ROGUE_CLOSED;
            return 0;
        case BDK_BDEV_ZONE_FINISH:
            zone->state = BDK_BDEV_ZONE_STATE_FULL;
            return 0;
        case BDK_BDEV_ZONE_RESET:
            ROGUE_RESET(zone);
            return 0;
        default:
            return zone_invalid_transition;
    }
}

static void report_zones(const struct zones* zones, struct bdk_bdev_io* io) {
    const struct zone* zone = zones->zone + io->u.zone_mgmt.zone_id / zone_blocks;
    for (uint32_t i = 0; i < io->u.zone_mgmt.num_zones; i++, zone++) {
        const bool full = zone->state == BDK_BDEV_ZONE_STATE_FULL;
        struct bdk_bdev_zone_info info = {
            .zone_id = zone->first,
            .write_pointer = full ? zone->first + zone_capacity : zone->pointer,
            .capacity = zone_capacity,
            .state = zone->state,
            .type = 2,
        };
        ROGUE_TOLD(zone, info);
        bdk_bdev_io_set_zone_info(io, i, &info, sizeof(info));
    }
}

/* Checks a write, and sets the position of an append. @return why it is refused, or 0 */
static uint32_t place_write(struct zones* zones, struct bdk_bdev_io* io) {
    struct zone* zone = zones->zone + io->u.bdev.offset_blocks / zone_blocks;
    const uint64_t blocks = io->u.bdev.num_blocks;
    const bool appends = io->type == BDK_BDEV_IO_TYPE_ZONE_APPEND;
    const uint64_t block = appends ? zone->pointer : io->u.bdev.offset_blocks;
    uint32_t refused = zone->state == BDK_BDEV_ZONE_STATE_FULL ? zone_full : 0;
    if (refused == 0 && block + blocks > zone->first + ROGUE_CAPACITY) refused = zone_boundary;
    if (refused == 0 && !(ROGUE_PLACE(zone, block))) refused = zone_invalid_write;
    if (refused == 0) refused = open_zone(zones, zone, BDK_BDEV_ZONE_STATE_IMP_OPEN);
    if (refused != 0) return refused;
    if (appends) bdk_bdev_io_set_append_location(io, block);
    zone->pointer += blocks;
    if (zone->pointer >= zone->first + ROGUE_CAPACITY) zone->state = BDK_BDEV_ZONE_STATE_FULL;
    return 0;
}

/* Takes the I/Os of zoned disks. Reads and all others are left to rogue_disk.h. */
static bool take_zoned(struct disk* disk, struct bdk_bdev_io* io) {
    struct zones* zones = disk->extra;
    const bool writes = io->type == BDK_BDEV_IO_TYPE_WRITE || io->type == BDK_BDEV_IO_TYPE_ZONE_APPEND;
    uint32_t refused = 0;
    if (io->type == BDK_BDEV_IO_TYPE_READ || io->type > BDK_BDEV_IO_TYPE_ZONE_APPEND ||
        (!writes && io->type < BDK_BDEV_IO_TYPE_GET_ZONE_INFO))
        return false;
    pthread_mutex_lock(&zones->mutex);
    if (io->type == BDK_BDEV_IO_TYPE_GET_ZONE_INFO)
        report_zones(zones, io);
    else if (writes)
        refused = place_write(zones, io);
    else
        refused = manage_zone(zones, zones->zone + io->u.zone_mgmt.zone_id / zone_blocks,
                              io->u.zone_mgmt.zone_action);
    pthread_mutex_unlock(&zones->mutex);
    if (writes && refused == 0) {
        move_data(NULL, io, true); /* completes it */
        return true;
    }
    bdk_bdev_io_complete_nvme_status(io, 0, refused == 0 ? 0 : 1, refused);
    return true;
}

#endif
