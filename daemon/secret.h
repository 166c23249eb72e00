// Secrets of the configuration: read once at start from a file or from a credential that systemd passed.
//
// A source is an absolute path, or `credential:NAME` for $CREDENTIALS_DIRECTORY/NAME (LoadCredential= in the unit). The
// secret is the first line, without its line end. A secret is never in a message.

#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace hilera {

// Its text is zeroed when it ends, as far as nobody has moved it elsewhere.
struct Secret {
  Secret(std::string its_value, std::string its_warning)
      : value(std::move(its_value)), warning(std::move(its_warning)) {}
  Secret(Secret&&) = default;
  Secret& operator=(Secret&&) = delete;
  ~Secret();

  std::string value;
  std::string warning;  // empty, or what an operator should change, such as a file that everybody may read
};

// Who catches it in a main() exits with kExitConfig.
class SecretError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Whether it is a credential, and nobody has passed any: then what is in it cannot be told.
[[nodiscard]] bool is_withheld(std::string_view source);

// Throws SecretError that names the source when there is no such file, it cannot be read, or its first line is empty or
// longer than 1024 bytes.
Secret read_secret(std::string_view source);

// The whole file, at most `limit` bytes of it: it is refused when it has more, or is no regular file. Throws as
// read_secret().
Secret read_secret_file(std::string_view source, std::size_t limit);

}  // namespace hilera
