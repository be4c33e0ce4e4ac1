// SPDX-License-Identifier: BSD-3-Clause
#include "health.hpp"

#include <endian.h>
#include <nvme/types.h>

#include <cstring>

namespace nvme {

namespace {

using bdevkit::Json;

constexpr uint32_t all_namespaces = UINT32_MAX;
constexpr uint64_t bytes_per_data_unit = 512'000;
constexpr int64_t zero_celsius = 273;  // kelvin, as nvme-cli counts

/// Writes a little-endian number of 128 bits, times `unit`. It is exact below 2^64.
void write_count(Json json, const char* name, const uint8_t (&bytes)[16], uint64_t unit = 1) {
    uint64_t half[2];
    std::memcpy(half, bytes, sizeof half);
    const uint64_t low = le64toh(half[0]), high = le64toh(half[1]);
    uint64_t exact = 0;
    if (high == 0 && !__builtin_mul_overflow(low, unit, &exact))
        json.value(name, exact);
    else
        json.value(name, (double(high) * 0x1p64 + double(low)) * double(unit));
}

void write_warnings(Json json, uint8_t bits) {
    constexpr const char* names[] = {
        "available_spare",         "temperature", "degraded", "read_only", "volatile_memory_backup",
        "persistent_memory_region"};
    json.array("critical_warnings", [&] {
        for (size_t bit = 0; bit < std::size(names); bit++)
            if ((bits >> bit & 1) != 0) json.value(nullptr, names[bit]);
    });
}

void write_temperatures(Json json, const nvme_smart_log& log) {
    uint16_t kelvin = 0;
    std::memcpy(&kelvin, log.temperature, sizeof kelvin);
    kelvin = le16toh(kelvin);
    json.value("temperature_kelvin", uint64_t(kelvin));
    json.value("temperature_celsius", int64_t(kelvin) - zero_celsius);
    json.array("temperature_sensors_kelvin", [&] {
        for (const auto sensor : log.temp_sensor)
            if (sensor != 0) json.value(nullptr, uint64_t(le16toh(sensor)));
    });
    json.value("warning_temperature_minutes", uint64_t(le32toh(log.warning_temp_time)));
    json.value("critical_temperature_minutes", uint64_t(le32toh(log.critical_comp_time)));
}

}  // namespace

Request read_health(HealthPage& page) {
    constexpr uint32_t dwords = sizeof(HealthPage) / 4;
    return {{.opcode = nvme_admin_get_log_page,
             .nsid = all_namespaces,
             .cdw10 = NVME_LOG_LID_SMART | (dwords - 1) << 16},
            {.buf = page.data(), .bytes = sizeof page}};
}

void write_health(Json json, const HealthPage& page) {
    nvme_smart_log log;
    static_assert(sizeof log == sizeof page);
    std::memcpy(&log, page.data(), sizeof log);
    write_warnings(json, log.critical_warning);
    write_temperatures(json, log);
    json.value("available_spare_percent", uint64_t(log.avail_spare));
    json.value("available_spare_threshold_percent", uint64_t(log.spare_thresh));
    json.value("used_percent", uint64_t(log.percent_used));
    write_count(json, "data_units_read", log.data_units_read);
    write_count(json, "data_units_written", log.data_units_written);
    write_count(json, "bytes_read", log.data_units_read, bytes_per_data_unit);
    write_count(json, "bytes_written", log.data_units_written, bytes_per_data_unit);
    write_count(json, "host_read_commands", log.host_reads);
    write_count(json, "host_write_commands", log.host_writes);
    write_count(json, "controller_busy_minutes", log.ctrl_busy_time);
    write_count(json, "power_cycles", log.power_cycles);
    write_count(json, "power_on_hours", log.power_on_hours);
    write_count(json, "unsafe_shutdowns", log.unsafe_shutdowns);
    write_count(json, "media_errors", log.media_errors);
    write_count(json, "error_log_entries", log.num_err_log_entries);
}

}  // namespace nvme
