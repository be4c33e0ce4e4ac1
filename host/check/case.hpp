// SPDX-License-Identifier: BSD-3-Clause
// The cases. Each runs in its own process and tests, or watches, some of the rules.
#pragma once

#include <filesystem>
#include <string_view>

#include "check/check_options.hpp"
#include "check/recorder.hpp"

namespace bdevkit::host {

/// The inputs of a case.
struct CaseContext {
    const CheckOptions& options;
    const std::filesystem::path& scratch;  ///< an empty folder
    Recorder& recorder;
};

void run_load_case(CaseContext& context);
void run_create_case(CaseContext& context);
void run_types_case(CaseContext& context);
void run_data_case(CaseContext& context);
void run_sequence_case(CaseContext& context);
void run_threads_case(CaseContext& context);
void run_control_case(CaseContext& context);
void run_remove_case(CaseContext& context);
void run_base_case(CaseContext& context);
void run_durable_case(CaseContext& context);
void run_base_gone_case(CaseContext& context);
void run_nomem_case(CaseContext& context);
void run_examine_case(CaseContext& context);
void run_leak_case(CaseContext& context);
void run_block_case(CaseContext& context);
void run_zone_case(CaseContext& context);

/// [the process of a case, main thread] Runs the case of that name and ends the process.
/// @param result_fd  where the recorder writes
[[noreturn]] void run_case(std::string_view name, const CheckOptions& options,
                           const std::filesystem::path& scratch, int result_fd);

}  // namespace bdevkit::host
