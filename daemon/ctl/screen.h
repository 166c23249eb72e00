// Screen: a terminal that is drawn on as a whole, and whose keys are read one by one.
//
// Takes the alternate screen, without a cursor, echo, or keys that stop or suspend; the destructor gives the terminal
// back as it was. SIGINT from the keyboard stays: whoever has a Screen must handle the signals that would end the
// process. In a greenlet.

#pragma once

#include <termios.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "greenrt/fd_watcher.h"

namespace hilera::ctl {

class Screen {
 public:
  struct Size {
    std::size_t rows;
    std::size_t columns;
  };

  // Of terminals, which must stay open. Throws std::system_error.
  Screen(int input, int output);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] Size size() const;

  // Puts text of several lines there, cut to what there is room for. Blocks while the terminal does not take it.
  void draw(std::string_view text);

  // Yields. None when the terminal is gone.
  std::optional<char> key();

 private:
  void write(std::string_view bytes) const;

  int output_;
  termios before_;
  greenrt::FdWatcher input_;
};

// `text` as it fits: at most so many lines, each of so many characters (of UTF-8).
[[nodiscard]] std::string cut_to(std::string_view text, Screen::Size size);

}  // namespace hilera::ctl
