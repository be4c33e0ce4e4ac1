// SPDX-License-Identifier: BSD-3-Clause
#include "check/perturbation.hpp"

#include <malloc.h>

namespace bdevkit::host {

namespace {

constexpr int filling = 165;
bool is_on = false;

}  // namespace

void Perturbation::start() {
    is_on = true;
    mallopt(M_PERTURB, filling);
}

Perturbation::Pause::Pause() {
    if (is_on) mallopt(M_PERTURB, 0);
}

Perturbation::Pause::~Pause() {
    if (is_on) mallopt(M_PERTURB, filling);
}

}  // namespace bdevkit::host
