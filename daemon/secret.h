// Secrets of the configuration: read once at start from a file or from a credential that systemd passed.
//
// A source is an absolute path, or `credential:NAME` for $CREDENTIALS_DIRECTORY/NAME (LoadCredential= in the unit). The
// secret is the first line, without its line end. A secret is never in a message.

#pragma once

#include <string>
#include <string_view>

namespace hilera {

struct Secret {
  std::string value;
  std::string warning;  // empty, or what an operator should change, such as a file that everybody may read
};

// Throws std::runtime_error that names the source when there is no such file, it cannot be read, or its first line is
// empty or longer than 1024 bytes.
Secret read_secret(std::string_view source);

}  // namespace hilera
