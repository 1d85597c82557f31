#include "gui/views/journey/quiz.h"

#include <QCoreApplication>
#include <algorithm>

#include "gui/views/format.h"
#include "gui/views/journey/header_bricks.h"
#include "gui/views/journey/journey_text.h"

namespace overlaysim::views {
namespace {

constexpr size_t kAnswers = 4;

QString Tr(const char* text) { return QCoreApplication::translate("Quiz", text); }

/// The next number of a sequence that depends on nothing but its seed (splitmix64).
uint64_t Next(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// Puts the right answer among at most three of the wrong ones. False: there is no wrong one, so nothing to ask.
bool Mix(Question& question, const QString& right, QStringList wrong, uint64_t& state) {
  wrong.removeDuplicates();
  wrong.removeAll(right);
  wrong.removeAll(QString());
  for (qsizetype i = wrong.size(); i > 1; --i)
    wrong.swapItemsAt(i - 1, static_cast<qsizetype>(Next(state) % static_cast<uint64_t>(i)));
  question.answers = wrong.mid(0, kAnswers - 1);
  if (question.answers.isEmpty()) return false;
  question.right = static_cast<int>(Next(state) % static_cast<uint64_t>(question.answers.size() + 1));
  question.answers.insert(question.right, right);
  return true;
}

QString OuterDestination(const replay::Hop& hop, std::span<const uint16_t> vxlanPorts) {
  if (hop.after.empty()) return {};
  const replay::Dissection dissection = replay::Dissect(hop.after, hop.afterLayer, hop.afterBytes, vxlanPorts);
  for (const char* name : {"ip.dst", "ipv6.dst"})
    if (const replay::Field* field = dissection.Find(name)) return QString::fromStdString(field->value);
  return {};
}

/// Addresses of nodes other than loopback, without prefix lengths: where a tunnel could end.
QStringList NodeAddresses(const replay::Topology& plan, size_t most) {
  QStringList addresses;
  for (const replay::Netns& netns : plan.netns) {
    if (netns.role != replay::Role::Node && netns.role != replay::Role::Router && netns.role != replay::Role::Lab)
      continue;
    for (const replay::Device& device : netns.devices)
      if (device.name != "lo")
        for (const std::string& address : device.addresses)
          addresses << QString::fromStdString(address).section(QLatin1Char('/'), 0, 0);
    if (static_cast<size_t>(addresses.size()) >= most) break;
  }
  return addresses;
}

}  // namespace

std::vector<Question> AskAbout(replay::Run& run, const replay::Journey& journey) {
  std::vector<Question> questions;
  uint64_t state = journey.id * 0x2545f4914f6cdd1d + 1;
  QStringList places;
  for (const replay::Hop& hop : journey.hops) places << QString::fromStdString(hop.place);
  int last = -1;
  for (size_t i = 0; i < journey.hops.size(); ++i) {
    const replay::Hop& hop = journey.hops[i];
    if (!hop.isKey) continue;
    const int step = static_cast<int>(i);
    if (last >= 0) {
      const replay::Hop& before = journey.hops[static_cast<size_t>(last)];
      Question question;
      question.step = step;
      question.lastSeen = last;
      question.explanation = QString::fromStdString(hop.why);
      const QString here = QString::fromStdString(hop.place);
      if (hop.record.stage == Stage::Encapsulate) {
        question.kind = Question::Kind::OuterDestination;
        question.text = Tr("%1 puts the packet into a tunnel. Which destination does the outer header have?").arg(here);
        const QString right = OuterDestination(hop, run.VxlanPorts());
        QStringList wrong = NodeAddresses(run.Plan(), 64);
        wrong << OuterDestination(before, run.VxlanPorts());
        if (!right.isEmpty() && Mix(question, right, wrong, state)) questions.push_back(question);
        Question size = question;
        size.kind = Question::Kind::Size;
        size.text = Tr("How large is it when the tunnel's headers are on? It had %1.").arg(BytesText(hop.beforeBytes));
        const uint32_t bytes = hop.afterBytes;
        QStringList sizes{BytesText(hop.beforeBytes)};
        for (const uint32_t header : {8u, 14u, 20u, 28u, 50u}) sizes << BytesText(hop.beforeBytes + header);
        if (Mix(size, BytesText(bytes), sizes, state)) questions.push_back(size);
      } else if (!hop.line.empty()) {
        question.kind = Question::Kind::DecidingLine;
        const TableContext table = ContextOf(run, hop);
        question.text =
            Tr("%1 asks its table (%2). Which line decides?").arg(here, table.prompt.section(QStringLiteral("# "), 1));
        if (Mix(question, QString::fromStdString(hop.line), table.lines, state)) questions.push_back(question);
      } else if (hop.place != before.place) {
        question.kind = Question::Kind::NextPlace;
        question.text = Tr("The packet is at %1. Where is it next?").arg(QString::fromStdString(before.place));
        QStringList wrong = places;
        wrong.removeAll(QString::fromStdString(before.place));
        if (Mix(question, here, wrong, state)) questions.push_back(question);
      }
    }
    last = step;
  }
  return questions;
}

}  // namespace overlaysim::views
