// SPDX-License-Identifier: BSD-3-Clause
// Zones: the report agrees with the effect of writes, appends and management.
#include <bdevkit/zone.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "bdev/model/bdev.hpp"
#include "check/case_stage.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"

namespace bdevkit::host {

namespace {

using Zone = bdk_bdev_zone_info;

constexpr uint32_t sequential_write_required = 2;
constexpr const char* state_names[] = {"0",         "empty", "implicitly open", "explicitly open", "closed",
                                       "read-only", "full",  "offline"};

std::string state_text(uint32_t state) {
    return state < std::size(state_names) ? state_names[state] : fmt::format("{}", state);
}

bool takes_writes(const Zone& zone) {
    return zone.type == sequential_write_required && zone.state != BDK_BDEV_ZONE_STATE_READ_ONLY &&
           zone.state != BDK_BDEV_ZONE_STATE_OFFLINE;
}

/// The zones of a bdev, of which one is written to.
class CheckedZones {
public:
    explicit CheckedZones(CheckClient& checked)
        : client(checked),
          unit(checked.unit()),
          size(bdk_bdev_get_zone_size(checked.bdev())),
          config(bdk::Bdev::of(checked.bdev())->config) {}

    uint64_t count() const { return (client.num_blocks() + size - 1) / size; }

    std::vector<Zone> report(uint64_t first, uint64_t number) {
        std::vector<Zone> zones(number);
        const std::string what = fmt::format("report of {} zones from block {} on", number, first);
        const CheckResult result = client.run(what, [&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_get_zone_info(desc, ch, first, uint32_t(number), zones.data(), sizeof(Zone),
                                          nullptr, cb, arg);
        });
        if (!result.ok()) throw Broken{fmt::format("{}: {}", what, result.text()), "success"};
        return zones;
    }
    Zone look(uint64_t zone) { return report(zone, 1).front(); }

    CheckResult try_manage(uint64_t zone, uint32_t action) {
        return client.run("zone management", [=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_zone_management(desc, ch, zone, action, nullptr, cb, arg);
        });
    }
    void manage(uint64_t zone, uint32_t action, const char* name) {
        const CheckResult result = try_manage(zone, action);
        if (!result.ok())
            throw Broken{fmt::format("{} of the zone at {}: {}", name, zone, result.text()), "success"};
    }
    void reset(uint64_t zone) { manage(zone, BDK_BDEV_ZONE_RESET, "reset"); }

    /// The n-th empty zone, to write to. Throws NotApplicable.
    Zone empty_zone(uint64_t nth = 0) {
        for (const Zone& zone : report(0, count())) {
            if (!takes_writes(zone) || nth-- != 0) continue;
            if (zone.state != BDK_BDEV_ZONE_STATE_EMPTY) reset(zone.zone_id);
            return zone;
        }
        throw NotApplicable{"the bdev has no zone that has to be written in order"};
    }

    CheckResult try_write(uint64_t block, const Bytes& data) {
        const uint64_t blocks = data.size() / client.block_size();
        return client.run(fmt::format("write of {} blocks at {}", blocks, block),
                          write_of(const_cast<std::byte*>(data.data()), block, blocks));
    }
    Bytes units(uint64_t number, uint64_t seed) const {
        return make_pattern(number * unit * client.block_size(), seed);
    }

    void expect_pointer(uint64_t zone, uint64_t expected, const std::string& after) {
        const Zone seen = look(zone);
        if (seen.write_pointer != expected)
            throw Broken{fmt::format("the write pointer of the zone at {} is {} after {}", zone,
                                     seen.write_pointer, after),
                         fmt::format("{}", expected)};
    }
    void expect_state(uint64_t zone, std::initializer_list<uint32_t> expected, const char* after) {
        const Zone seen = look(zone);
        if (std::find(expected.begin(), expected.end(), seen.state) == expected.end())
            throw Broken{fmt::format("the zone at {} is {} after {}", zone, state_text(seen.state), after),
                         state_text(*expected.begin())};
    }

    CheckClient& client;
    const uint64_t unit, size;
    const bdk_bdev& config;
};

std::string what_is_wrong(const Zone& zone, uint64_t place, uint64_t size) {
    if (zone.zone_id != place) return fmt::format("it begins at {}", zone.zone_id);
    if (zone.state < BDK_BDEV_ZONE_STATE_EMPTY || zone.state > BDK_BDEV_ZONE_STATE_NOT_WP)
        return fmt::format("its state is {}", zone.state);
    if (zone.type < 1 || zone.type > 3) return fmt::format("its type is {}", zone.type);
    if (zone.capacity > size || zone.capacity == 0)
        return fmt::format("its capacity is {} of {} blocks", zone.capacity, size);
    if (zone.write_pointer < place || zone.write_pointer > place + zone.capacity)
        return fmt::format("its write pointer is {}, its capacity {}", zone.write_pointer, zone.capacity);
    if (zone.state == BDK_BDEV_ZONE_STATE_EMPTY && zone.write_pointer != place)
        return fmt::format("it is empty, and its write pointer is {}", zone.write_pointer);
    return "";
}

void check_report(CheckedZones& zones) {
    const std::vector<Zone> all = zones.report(0, zones.count());
    for (uint64_t i = 0; i < all.size(); i++)
        if (const std::string wrong = what_is_wrong(all[i], i * zones.size, zones.size); !wrong.empty())
            throw Broken{fmt::format("the report of the zone at {}: {}", i * zones.size, wrong),
                         "a state of zone.h, and a write pointer within the capacity, which fits the zone"};
    for (const uint64_t i : {all.size() - 1, all.size() / 2, uint64_t{0}}) {
        const Zone alone = zones.look(i * zones.size);
        if (alone.zone_id != all[i].zone_id || alone.state != all[i].state ||
            alone.capacity != all[i].capacity)
            throw Broken{fmt::format("the zone at {} is reported differently alone than with all zones",
                                     i * zones.size),
                         "the same"};
    }
}

void check_write(CheckedZones& zones) {
    const uint64_t at = zones.empty_zone().zone_id;
    const Bytes first = zones.units(1, 31), second = zones.units(2, 32);
    write(zones.client, at, first);
    zones.expect_pointer(at, at + zones.unit, "a write");
    zones.expect_state(at, {BDK_BDEV_ZONE_STATE_IMP_OPEN}, "a write to an empty zone");
    write(zones.client, at + zones.unit, second);
    zones.expect_pointer(at, at + 3 * zones.unit, "two writes");
    const uint32_t block_size = zones.client.block_size();
    expect_same(read(zones.client, at, zones.unit), first, "read of the first write", block_size);
    expect_same(read(zones.client, at + zones.unit, 2 * zones.unit), second, "read of the second write",
                block_size);
}

/// A write anywhere but at the write pointer.
void check_elsewhere(CheckedZones& zones) {
    const uint64_t at = zones.empty_zone().zone_id;
    const Bytes written = zones.units(1, 33), other = zones.units(1, 34);
    const auto expect_failure = [&](uint64_t block, uint64_t pointer) {
        const CheckResult result = zones.try_write(block, other);
        if (result.ok())
            throw Broken{fmt::format("a write at {} succeeded, the write pointer being {}", block, pointer),
                         "a failure"};
        zones.expect_pointer(at, pointer, "a write that failed");
    };
    expect_failure(at + zones.unit, at);
    write(zones.client, at, written);
    expect_failure(at, at + zones.unit);
    expect_failure(at + 2 * zones.unit, at + zones.unit);
    expect_same(read(zones.client, at, zones.unit), written, "read after writes that failed",
                zones.client.block_size());
}

/// Several appends at a time, each of which finds a place.
void check_append(CheckedZones& zones) {
    CheckClient& client = zones.client;
    if (!client.supports(BDK_BDEV_IO_TYPE_ZONE_APPEND)) throw NotApplicable{"the bdev has no append"};
    const uint64_t at = zones.empty_zone().zone_id;
    write(client, at, zones.units(1, 35));
    constexpr uint64_t number = 4;
    std::vector<Bytes> data;
    std::vector<iovec> pieces;
    data.reserve(number);
    pieces.reserve(number);
    for (uint64_t i = 0; i < number; i++)
        data.push_back(zones.units(1, 40 + i));
    for (Bytes& bytes : data)
        pieces.push_back({bytes.data(), bytes.size()});
    std::vector<CheckResult> results(number);
    client.stage().call_on(client.thread(), [&] {
        for (uint64_t i = 0; i < number; i++)
            client.submit_here(
                [&, i](auto* desc, auto* ch, auto cb, void* arg) {
                    return bdk_bdev_zone_appendv(desc, ch, &pieces[i], 1, at, zones.unit, nullptr, cb, arg);
                },
                [&, i](const CheckResult& ended) { results[i] = ended; });
    });
    client.wait_idle();
    std::vector<uint64_t> places;
    for (uint64_t i = 0; i < number; i++) {
        if (!results[i].ok()) throw Broken{fmt::format("append: {}", results[i].text()), "success"};
        places.push_back(results[i].append_location);
        expect_same(read(client, places.back(), zones.unit), data[i],
                    fmt::format("read at {}, the position that an append reported", places.back()),
                    client.block_size());
    }
    std::sort(places.begin(), places.end());
    for (uint64_t i = 0; i < number; i++)
        if (places[i] != at + (i + 1) * zones.unit)
            throw Broken{fmt::format("an append to the zone at {} went to {}", at, places[i]),
                         fmt::format("{}, where the write pointer was", at + (i + 1) * zones.unit)};
    zones.expect_pointer(at, at + (number + 1) * zones.unit, "appends");
}

void check_reset(CheckedZones& zones) {
    const uint64_t at = zones.empty_zone().zone_id;
    write(zones.client, at, zones.units(2, 36));
    zones.reset(at);
    zones.expect_state(at, {BDK_BDEV_ZONE_STATE_EMPTY}, "reset");
    zones.expect_pointer(at, at, "reset");
    const Bytes again = zones.units(1, 37);
    write(zones.client, at, again);
    expect_same(read(zones.client, at, zones.unit), again, "read of a write after reset",
                zones.client.block_size());
}

void check_states(CheckedZones& zones) {
    const uint64_t at = zones.empty_zone().zone_id;
    zones.manage(at, BDK_BDEV_ZONE_OPEN, "open");
    zones.expect_state(at, {BDK_BDEV_ZONE_STATE_EXP_OPEN}, "open");
    write(zones.client, at, zones.units(1, 38));
    zones.expect_state(at, {BDK_BDEV_ZONE_STATE_EXP_OPEN}, "open and a write");
    zones.manage(at, BDK_BDEV_ZONE_CLOSE, "close");
    zones.expect_state(at, {BDK_BDEV_ZONE_STATE_CLOSED}, "close");
    zones.expect_pointer(at, at + zones.unit, "close");
    write(zones.client, at + zones.unit, zones.units(1, 39));
    zones.expect_state(at, {BDK_BDEV_ZONE_STATE_IMP_OPEN}, "a write to a closed zone");
    zones.manage(at, BDK_BDEV_ZONE_FINISH, "finish");
    zones.expect_state(at, {BDK_BDEV_ZONE_STATE_FULL}, "finish");
    if (zones.try_write(at + 2 * zones.unit, zones.units(1, 41)).ok())
        throw Broken{"a write to a finished zone succeeded", "a failure"};
}

/// A zone takes exactly as many blocks as its capacity.
void check_capacity(CheckedZones& zones) {
    constexpr uint64_t longest = 64ull << 20;
    const Zone zone = zones.empty_zone();
    const uint64_t units = zone.capacity / zones.unit;
    if (zone.capacity * zones.client.block_size() > longest)
        throw NotApplicable{"its zones are longer than 64 MiB"};
    constexpr uint64_t at_once = 64;
    for (uint64_t done = 0; done < units; done += at_once)
        write(zones.client, zone.zone_id + done * zones.unit,
              zones.units(std::min(at_once, units - done), done));
    if (zone.capacity % zones.unit == 0)
        zones.expect_state(zone.zone_id, {BDK_BDEV_ZONE_STATE_FULL}, "writes of its whole capacity");
    if (zone.capacity + zones.unit <= zones.size &&
        zones.try_write(zone.zone_id + units * zones.unit, zones.units(1, 42)).ok())
        throw Broken{"a write beyond the capacity succeeded", "a failure"};
}

/// The bdev's number of zones can be open at a time, and no more.
void check_open_limit(CheckedZones& zones) {
    constexpr uint32_t most = 1024;
    const uint32_t open = zones.config.max_open_zones, active = zones.config.max_active_zones;
    const uint32_t limit = active != 0 && (open == 0 || active < open) ? active : open;
    std::vector<uint64_t> usable;
    for (const Zone& zone : zones.report(0, zones.count())) {
        if (!takes_writes(zone)) continue;
        if (zone.state != BDK_BDEV_ZONE_STATE_EMPTY) zones.reset(zone.zone_id);
        usable.push_back(zone.zone_id);
    }
    if (limit == 0 || limit >= usable.size() || limit > most)
        throw NotApplicable{"the number of open zones has no limit, or a large one"};
    for (uint32_t i = 0; i < limit; i++)
        zones.manage(usable[i], BDK_BDEV_ZONE_OPEN, "open");
    if (zones.try_manage(usable[limit], BDK_BDEV_ZONE_OPEN).ok())
        throw Broken{fmt::format("{} zones are open", limit + 1), fmt::format("{} at most", limit)};
    zones.reset(usable[0]);
    zones.manage(usable[limit], BDK_BDEV_ZONE_OPEN, "open of one more after another was reset");
    for (const uint64_t zone : usable)
        zones.reset(zone);
}

}  // namespace

void run_zone_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        const std::pair<const char*, void (*)(CheckedZones&)> steps[] = {
            {"zone.report", check_report},       {"zone.write", check_write},
            {"zone.elsewhere", check_elsewhere}, {"zone.append", check_append},
            {"zone.reset", check_reset},         {"zone.states", check_states},
            {"zone.capacity", check_capacity},   {"zone.open_limit", check_open_limit}};
        for (const auto& [rule, fn] : steps)
            context.recorder.step(rule, [&, fn = fn] {
                const CheckedBdev bdev(stage);
                CheckClient client(stage, bdev.name());
                if (!bdk_bdev_is_zoned(client.bdev())) throw NotApplicable{"the bdev has no zones"};
                if (!client.is_writable()) throw NotApplicable{"the bdev cannot be written"};
                CheckedZones zones(client);
                fn(zones);
            });
    });
}

}  // namespace bdevkit::host
