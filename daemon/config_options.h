// The declaration of the configuration file: which options there are. Used by config.cc alone.

#pragma once

#include "daemon/options.h"

namespace hilera {

const options::Schema<Config>& config_options();

// What names in metrics, logs and tables may be: 1 to 63 letters, digits, '-', '_' or '.'.
bool is_label(std::string_view given);

}  // namespace hilera
