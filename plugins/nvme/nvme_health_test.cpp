// SPDX-License-Identifier: BSD-3-Clause
#include "health.hpp"

#include <gtest/gtest.h>
#include <nvme/types.h>

#include <cstring>

#include "json/json_writer.hpp"

namespace {

using namespace nvme;

nlohmann::ordered_json written(const nvme_smart_log& log) {
    HealthPage page;
    std::memcpy(page.data(), &log, sizeof log);
    bdk_json_writer writer;
    write_health(bdevkit::Json(&writer), page);
    return writer.root();
}

TEST(HealthMethod, HasItsUnits) {
    nvme_smart_log log{};
    log.temperature[0] = 0x43;
    log.temperature[1] = 0x01;  // 323 K
    log.avail_spare = 98;
    log.percent_used = 130;  // more than was promised
    log.data_units_read[0] = 3;
    log.power_on_hours[1] = 1;
    log.temp_sensor[0] = 320;
    log.temp_sensor[2] = 330;
    const auto json = written(log);
    EXPECT_EQ(json["temperature_kelvin"], 323);
    EXPECT_EQ(json["temperature_celsius"], 50);
    EXPECT_EQ(json["temperature_sensors_kelvin"], (std::vector<int>{320, 330}));
    EXPECT_EQ(json["available_spare_percent"], 98);
    EXPECT_EQ(json["used_percent"], 130);
    EXPECT_EQ(json["data_units_read"], 3);
    EXPECT_EQ(json["bytes_read"], 1'536'000);
    EXPECT_EQ(json["power_on_hours"], 256);
    EXPECT_TRUE(json["critical_warnings"].empty());
}

TEST(HealthMethod, NamesItsWarnings) {
    nvme_smart_log log{};
    log.critical_warning = 0x01 | 0x08;
    EXPECT_EQ(written(log)["critical_warnings"], (std::vector<std::string>{"available_spare", "read_only"}));
}

TEST(HealthMethod, CountsBeyond64Bits) {
    nvme_smart_log log{};
    log.host_reads[8] = 1;
    EXPECT_DOUBLE_EQ(written(log)["host_read_commands"].get<double>(), 0x1p64);
}

TEST(HealthMethod, IsReadOfTheWholeController) {
    HealthPage page;
    const Request request = read_health(page);
    EXPECT_EQ(request.command.opcode, 0x02);
    EXPECT_EQ(request.command.nsid, UINT32_MAX);
    EXPECT_EQ(request.command.cdw10, 127u << 16 | 2);
    EXPECT_EQ(request.data.bytes, 512u);
}

}  // namespace
