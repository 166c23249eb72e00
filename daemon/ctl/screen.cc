#include "daemon/ctl/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace hilera::ctl {
namespace {

constexpr Screen::Size kUsualSize{24, 80};
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearLine = "\x1b[K";
constexpr std::string_view kClearRest = "\x1b[J";

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
}

std::string_view cut_line(std::string_view line, std::size_t columns) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < line.size(); ++i)
    if (begins_character(line[i]) && ++characters > columns) return line.substr(0, i);
  return line;
}

}  // namespace

Screen::Screen(int input, int output) : output_(output), before_(), input_(input) {
  if (::tcgetattr(input, &before_) != 0) throw std::system_error(errno, std::system_category(), "the terminal");
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VSUSP] = raw.c_cc[VQUIT] = _POSIX_VDISABLE;
  if (::tcsetattr(input, TCSANOW, &raw) != 0) throw std::system_error(errno, std::system_category(), "the terminal");
  write(kEnter);
}

Screen::~Screen() {
  write(kLeave);
  ::tcsetattr(input_.fd(), TCSANOW, &before_);
}

Screen::Size Screen::size() const {
  winsize size{};
  if (::ioctl(output_, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return kUsualSize;
  return {size.ws_row, size.ws_col};
}

void Screen::draw(std::string_view text) {
  const std::string shown = cut_to(text, size());
  std::string bytes(kHome);
  for (std::size_t begin = 0; begin < shown.size();) {
    const std::size_t end = std::min(shown.find('\n', begin), shown.size());
    if (begin > 0) bytes += "\r\n";
    bytes.append(shown, begin, end - begin).append(kClearLine);
    begin = end + 1;
  }
  write(bytes.append(kClearRest));
}

std::optional<char> Screen::key() {
  char key = 0;
  while (true) {
    input_.wait_read();
    const ssize_t size = ::read(input_.fd(), &key, 1);
    if (size == 1) return key;
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) return std::nullopt;
  }
}

void Screen::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::write(output_, bytes.data(), bytes.size());
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EINTR) return;  // the terminal is gone: its end is told by key()
  }
}

std::string cut_to(std::string_view text, Screen::Size size) {
  std::string result;
  for (std::size_t row = 0; row < size.rows && !text.empty(); ++row) {
    const std::size_t end = text.find('\n');
    if (row > 0) result += '\n';
    result += cut_line(text.substr(0, end), size.columns);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return result;
}

}  // namespace hilera::ctl
