// The declaration of the configuration file: which options there are. Used by config.cc alone.

#pragma once

#include "daemon/options.h"

namespace hilera {

const options::Schema<Config>& config_options();

}  // namespace hilera
