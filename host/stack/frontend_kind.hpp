// SPDX-License-Identifier: BSD-3-Clause
// A kind of frontend: the meaning of a key under `frontends:`. The folder of a frontend describes its kind
// (frontends/nbd/nbd_kind.cpp); the reader of stack files, the schema and the drawings know nothing else of
// it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stack/option_table.hpp"
#include "stack/option_value.hpp"

namespace bdevkit::host {

class Frontend;
struct FrontendSpec;

/// The place in the stack file, "file:line:column: ", as the prefix of an error; may be empty.
using Place = std::string;

/// The options that every kind has. The options struct of a kind starts with them.
struct CommonFrontendOptions {
    const char* listen;  ///< `unix:/path`, `tcp:address:port` or `tcp:[v6-address]:port`
};

struct FrontendKind {
    const char* name;     ///< the key under `frontends:`
    OptionTable options;  ///< without `exports`
    size_t max_text;      ///< the maximum length of an export's name and of its description, in bytes

    /// [main thread] Creates the frontend. It opens nothing before start().
    std::unique_ptr<Frontend> (*make)(const FrontendSpec& spec);
};

/// A bdev that a frontend serves.
struct ExportSpec {
    std::string bdev;
    std::string name;         ///< the name that clients request; by default the bdev's name
    std::string description;  ///< shown to clients that list the exports
    bool read_only = false;   ///< also true if the bdev does not support writes
    Place place = {};
};

/// A frontend of the stack file.
struct FrontendSpec {
    const FrontendKind* kind = nullptr;
    OptionStruct options;
    std::string listen;  ///< the address from the file or from `--listen`; port 0 picks a free one
    std::vector<ExportSpec> exports;
    Place place = {};  ///< place of `listen`
};

/// All kinds (frontends/frontend_kinds.cpp).
std::span<const FrontendKind* const> frontend_kinds();

/// The kind of that name, or nullptr.
const FrontendKind* find_frontend_kind(const std::string& name);

}  // namespace bdevkit::host
