// The control socket: server and client together.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "daemon/control_client.h"
#include "daemon/control_protocol.h"
#include "daemon/control_server.h"
#include "greenrt/event.h"
#include "tests/daemon/run_in_hub.h"

namespace hilera {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kTestLimit = 30s;  // for what must come; reached only when something is broken

class Control : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "controlXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/control";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static ControlServer::Commands commands() {
    return {
        {"echo", {.changes_something = false, .handler = [](const json& arguments) { return arguments; }}},
        {"number", {.handler = [](const json& arguments) { return arguments.at("number").get<int>(); }}},
        {"refuse", {.handler = [](const json&) -> json { throw ControlError("there is no such row"); }}},
        {"fail", {.handler = [](const json&) -> json { throw std::runtime_error("internal detail"); }}},
    };
  }

  void with_server(const std::function<void(ControlServer&)>& body) {
    testing::internal::CaptureStderr();
    run_in_hub([&] {
      ControlServer server(path_, commands());
      server.start();
      body(server);
      server.stop(kTestLimit);
    });
    log_ = testing::internal::GetCapturedStderr();
  }

  // The answer to raw bytes, on a connection of its own.
  std::string raw(const std::string& bytes) {
    greenrt::Stream stream = greenrt::Stream::connect_unix(path_, kTestLimit);
    stream.write_all(bytes, kTestLimit);
    return LineReader(stream, 1 << 20).read_line(kTestLimit).value_or("[end]");
  }

  json call(std::string_view command, const json& arguments = json::object()) {
    return ControlClient(path_, kTestLimit).call(command, arguments, kTestLimit);
  }

  std::string refusal(std::string_view command, const json& arguments = json::object()) {
    try {
      call(command, arguments);
    } catch (const ControlError& error) {
      return error.what();
    }
    return "";
  }

  std::string directory_;
  std::string path_;
  std::string log_;
};

TEST_F(Control, ACommandGetsItsResult) {
  with_server([&](ControlServer&) {
    const json arguments{{"text", "line\nbreak \xc3\xb1"}, {"list", {1, 2.5, nullptr}}};
    EXPECT_EQ(call("echo", arguments), arguments);
    EXPECT_EQ(call("number", {{"number", 7}}), 7);
  });
}

TEST_F(Control, OneConnectionTakesManyCommands) {
  with_server([&](ControlServer& server) {
    ControlClient client(path_, kTestLimit);
    for (int i = 0; i < 100; ++i)
      EXPECT_EQ(client.call("echo", {{"i", i}}, kTestLimit)["i"], i);
    EXPECT_EQ(server.connections().stats().accepted, 1U);
  });
}

TEST_F(Control, ARefusalSaysWhy) {
  with_server([&](ControlServer&) {
    EXPECT_EQ(refusal("refuse"), "there is no such row");
    EXPECT_THAT(refusal("number"), StartsWith("the arguments are not right: "));
    EXPECT_THAT(refusal("number", {{"number", "x"}}), StartsWith("the arguments are not right: "));
    EXPECT_EQ(refusal("unheard-of"), "unknown command");
  });
}

TEST_F(Control, AFailureIsLoggedAndNotToldInDetail) {
  with_server([&](ControlServer&) { EXPECT_EQ(refusal("fail"), "failed; the log of hilerad has the reason"); });
  EXPECT_THAT(log_, HasSubstr("control_command command=fail outcome=\"internal detail\""));
}

TEST_F(Control, ThePeerOfACommandIsLogged) {
  with_server([&](ControlServer&) { call("number", {{"number", 7}}); });
  EXPECT_THAT(log_, HasSubstr("control_command command=number outcome=done pid=" + std::to_string(getpid()) +
                              " uid=" + std::to_string(getuid()) + " gid=" + std::to_string(getgid())));
}

TEST_F(Control, WhatIsNoRequestIsRefused) {
  with_server([&](ControlServer&) {
    for (const std::string& line :
         {std::string("nonsense"), std::string(""), std::string("[]"), std::string("{}"),
          std::string("{\"command\":5}"), std::string("{\"command\":\"echo\",\"arguments\":5}"),
          std::string("{\"command\":\"echo\"} {}"), std::string(60'000, '['), std::string("{\"command\":\"\xff\"}")}) {
      const json answer = json::parse(raw(line + "\n"));
      EXPECT_EQ(answer["ok"], false) << line.substr(0, 100);
      EXPECT_TRUE(answer["error"].is_string());
    }
  });
}

TEST_F(Control, ARequestIsBounded) {
  with_server([&](ControlServer&) {
    const std::string text(control::kMaxRequest + 1, ' ');
    EXPECT_THAT(raw(text + "\n"), HasSubstr("longer than 65536 bytes"));
  });
}

TEST_F(Control, TheSocketFileIsForOwnerAndGroup) {
  with_server([&](ControlServer&) {
    struct stat status {};
    ASSERT_EQ(stat(path_.c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0660U);
  });
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Control, AFileLeftBehindIsReplaced) {
  run_in_hub([&] { greenrt::Listener::bind_unix(path_, 0600); });
  ASSERT_TRUE(std::filesystem::exists(path_));
  with_server([&](ControlServer&) { EXPECT_EQ(call("number", {{"number", 1}}), 1); });
}

TEST_F(Control, ASocketOnWhichSomebodyListensIsLeftAlone) {
  with_server([&](ControlServer&) {
    EXPECT_THROW(ControlServer(path_, commands()), std::runtime_error);
    EXPECT_EQ(call("number", {{"number", 1}}), 1);
  });
}

TEST_F(Control, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  run_in_hub([&] { EXPECT_THROW(ControlServer(path_, commands()), std::runtime_error); });
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(Control, AFileOfAnotherServerIsNotRemovedAtTheEnd) {
  with_server([&](ControlServer&) {
    std::filesystem::remove(path_);
    std::ofstream(path_) << "another";
  });
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(Control, AFolderThatIsNotThereIsAnErrorWithThePath) {
  run_in_hub([&] {
    try {
      ControlServer server(directory_ + "/none/control", commands());
      FAIL();
    } catch (const std::system_error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("/none/control"), HasSubstr("No such file")));
    }
  });
}

TEST_F(Control, TheClientSaysThatNobodyAnswers) {
  run_in_hub([&] {
    try {
      call("echo");
      FAIL();
    } catch (const ControlUnavailable& error) {
      EXPECT_THAT(error.what(), AllOf(StartsWith(path_), HasSubstr("No such file")));
    }
    greenrt::Listener silent = greenrt::Listener::bind_unix(path_, 0600);
    ControlClient client(path_, kTestLimit);
    EXPECT_THROW(client.call("echo", {}, 1ms), ControlUnavailable);
  });
}

TEST_F(Control, TheClientRefusesAnAnswerThatIsNone) {
  run_in_hub([&] {
    greenrt::Listener listener = greenrt::Listener::bind_unix(path_, 0600);
    for (const char* answer : {"", "nonsense\n", "[]\n", "{}\n", "{\"ok\":1}\n"}) {
      const auto impostor = greenrt::spawn([&] {
        greenrt::Stream stream = listener.accept(kTestLimit);
        LineReader(stream, 1000).read_line(kTestLimit);
        stream.write_all(std::string_view(answer), kTestLimit);
      });
      EXPECT_THROW(call("echo"), ControlUnavailable) << answer;
      EXPECT_TRUE(impostor->join(kTestLimit));
    }
  });
}

}  // namespace
}  // namespace hilera
