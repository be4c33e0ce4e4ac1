// SPDX-License-Identifier: BSD-3-Clause
// Keys of DH-HMAC-CHAP, as `nvme gen-dhchap-key` writes them: DHHC-1:HASH:BASE64:
#pragma once

#include <string>

#include "dhchap_crypto.hpp"

namespace nvme::tcp {

class DhchapKey {
public:
    /// From a file that only its owner may read. Throws bdevkit::Error.
    static DhchapKey from_file(const char* path);
    /// @param text  in the form above, white space behind it left aside
    /// @param name  of where it is, for messages. Throws bdevkit::Error, which tells nothing of the key
    static DhchapKey from_text(std::string_view text, const char* name);

    /// What answers challenges for `nqn` (8.13.5.7): the key itself, or its hash with the NQN.
    Secret transformed(const std::string& nqn) const;

private:
    DhchapKey(uint8_t hash, Secret key) : hash_(hash), key_(std::move(key)) {}

    uint8_t hash_;  ///< DhchapHash; 0: used as it is
    Secret key_;
};

/// What a host proves who it is with.
struct DhchapKeys {
    DhchapKey host;
    std::unique_ptr<const DhchapKey> controller;  ///< the target's; NULL: it needs not prove who it is
};

}  // namespace nvme::tcp
