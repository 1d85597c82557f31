#include "gui/views/canvas/canvas_view.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QDir>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QImage>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QPdfWriter>
#include <QPushButton>
#include <QSplitter>
#include <QStandardPaths>
#include <QSvgGenerator>
#include <QToolButton>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <cmath>

#include "gui/layout/canvas_store.h"
#include "gui/views/canvas/canvas_painter.h"
#include "gui/views/canvas/canvas_surface.h"
#include "gui/views/canvas/minimap.h"
#include "gui/views/canvas/show_panel.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr int kStepMs = 350, kPulseMs = 500;
constexpr size_t kMostTunnels = 300;
constexpr uint64_t kMostFrames = 1'000'000;

layout::CanvasStore Store() {
  const QString folder = QStandardPaths::writableLocation(QStandardPaths::AppConfigLocation);
  return layout::CanvasStore(std::filesystem::path(folder.toStdString()) / "canvas.json");
}

/// The addresses of a table's row that says "dst ADDRESS" or "via ADDRESS".
std::string_view WordAfter(std::string_view line, std::string_view key) {
  size_t at = 0;
  while ((at = line.find(key, at)) != std::string_view::npos) {
    const size_t begin = at + key.size();
    if ((at == 0 || line[at - 1] == ' ') && begin < line.size() && line[begin] == ' ') {
      const size_t end = line.find(' ', begin + 1);
      return line.substr(begin + 1, end == std::string_view::npos ? end : end - begin - 1);
    }
    at = begin;
  }
  return {};
}

}  // namespace

CanvasView::CanvasView(Session& session, QWidget* parent)
    : QWidget(parent),
      m_session(session),
      m_surface(new CanvasSurface(session, this)),
      m_minimap(new Minimap(*m_surface)) {
  MakeBar();
  auto* all = new QVBoxLayout(this);
  all->setContentsMargins(0, 0, 0, 0);
  all->setSpacing(0);
  all->addWidget(m_bar);
  m_hidden = new QLabel(this);
  m_hidden->setTextFormat(Qt::RichText);
  m_hidden->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
  m_hidden->setContentsMargins(8, 2, 8, 4);
  m_hidden->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
  m_hidden->hide();
  connect(m_hidden, &QLabel::linkActivated, this, [this] {
    SetOnlyRelated(false);
    SetShown({});
  });
  all->addWidget(m_hidden);
  auto* beside = new QSplitter(Qt::Horizontal, this);
  m_list = new ShowPanel(beside);
  m_list->hide();
  beside->addWidget(m_list);
  beside->addWidget(m_surface);
  beside->setStretchFactor(1, 1);
  beside->setCollapsible(1, false);
  beside->setSizes({300, 900});
  all->addWidget(beside, 1);
  connect(m_list, &ShowPanel::Chosen, this, &CanvasView::SetShown);
  connect(m_list, &ShowPanel::Closed, this, [this] { SetListShown(false); });
  setFocusProxy(m_surface);

  connect(&session, &Session::RunAboutToChange, this, [this] {
    m_stepping.stop();
    m_pulse.stop();
    m_surface->State().SetTopology(nullptr, {});
    m_list->SetState(nullptr);
    m_surface->update();
  });
  connect(&session, &Session::RunChanged, this, &CanvasView::ShowRun);
  connect(&session, &Session::TimeChanged, this, [this](qint64 ns) {
    m_surface->State().timeNs = ns;
    m_surface->update();
    m_minimap->Update();
  });
  connect(&session, &Session::PlayingChanged, this, [this](bool playing) {
    m_surface->State().isPlaying = playing && !ThemeSwitch::Instance().IsMotionReduced();
    m_surface->update();
  });
  connect(&session, &Session::SelectionChanged, this, [this] {
    m_surface->State().selected = m_session.Selected();
    FindTunnels();
    m_surface->update();
  });
  connect(&session, &Session::JourneyChanged, this, [this] {
    m_stepping.stop();
    m_pulse.stop();
    m_lastStep = -1;
    m_surface->State().SetJourney(m_session.Journey());
    m_surface->update();
  });
  connect(&session, &Session::StepChanged, this, &CanvasView::FollowStep);

  m_stepping.setStartValue(0.0);
  m_stepping.setEndValue(1.0);
  m_stepping.setDuration(kStepMs);
  m_stepping.setEasingCurve(QEasingCurve::InOutQuad);
  connect(&m_stepping, &QVariantAnimation::valueChanged, this, [this](const QVariant& value) {
    m_surface->State().stepShare = value.toDouble();
    m_surface->update();
  });
  connect(&m_stepping, &QVariantAnimation::finished, this, [this] { m_pulse.start(); });
  m_pulse.setStartValue(0.0);
  m_pulse.setEndValue(1.0);
  m_pulse.setDuration(kPulseMs);
  connect(&m_pulse, &QVariantAnimation::valueChanged, this, [this](const QVariant& value) {
    m_surface->State().pulse = value.toDouble();
    m_surface->update();
  });
  connect(&m_pulse, &QVariantAnimation::finished, this, [this] {
    m_surface->State().pulse = -1;
    m_surface->update();
  });

  connect(m_surface, &CanvasSurface::Arranged, this, &CanvasView::SaveChoices);
  connect(m_surface, &CanvasSurface::MenuRequested, this, &CanvasView::MenuRequested);
  connect(&session, &Session::FactsProgressed, this, [this](int percent) {
    m_reading->setText(tr("Reading link activity %1 %").arg(percent));
    m_reading->setToolTip(m_reading->text());
    m_cancel->show();
  });
  connect(&session, &Session::FactsChanged, this, [this] {
    m_surface->State().SetFacts(m_session.Facts());
    m_list->SetState(&m_surface->State());
    m_reading->clear();
    m_cancel->hide();
    m_surface->update();
  });
  connect(&session, &Session::FactsFailed, this, [this](const QString& sentence) {
    m_reading->setText(tr("Link activity is not known"));
    m_reading->setToolTip(sentence);
    m_cancel->hide();
  });
  ShowRun();
}

CanvasView::~CanvasView() = default;

const CanvasState& CanvasView::State() const { return m_surface->State(); }

void CanvasView::MakeBar() {
  m_bar = new QWidget(this);
  auto* row = new QHBoxLayout(m_bar);
  row->setContentsMargins(6, 4, 6, 4);
  row->setSpacing(4);
  m_lenses = new QButtonGroup(this);
  const QString tips[] = {tr("Cables between nodes, switches and routers"),
                          tr("Tunnels that packets took, with their VNI; of a selected node, all its tunnels"),
                          tr("Which pod sends to which: traffic of the scenario, and what else the trace has seen")};
  for (const Lens lens : {Lens::Underlay, Lens::Overlay, Lens::Flows}) {
    auto* button = new QToolButton(m_bar);
    button->setText(LensName(lens));
    button->setCheckable(true);
    button->setChecked(lens == Lens::Underlay);
    button->setToolTip(tips[static_cast<int>(lens)]);
    button->setAccessibleName(tr("Show: %1").arg(LensName(lens)));
    m_lenses->addButton(button, static_cast<int>(lens));
    row->addWidget(button);
  }
  connect(m_lenses, &QButtonGroup::idClicked, this, [this](int id) { SetLens(static_cast<Lens>(id)); });
  row->addSpacing(10);
  auto* colour = new QLabel(tr("Links by"), m_bar);
  row->addWidget(colour);
  m_heats = new QComboBox(m_bar);
  for (const Heat heat : {Heat::None, Heat::Utilisation, Heat::Drops, Heat::Queue})
    m_heats->addItem(HeatName(heat), static_cast<int>(heat));
  m_heats->setCurrentIndex(static_cast<int>(Heat::Utilisation));
  m_heats->setAccessibleName(tr("What colours and widens the links"));
  m_heats->setToolTip(m_heats->accessibleName());
  colour->setBuddy(m_heats);
  connect(m_heats, &QComboBox::currentIndexChanged, this, [this](int index) { SetHeat(static_cast<Heat>(index)); });
  row->addWidget(m_heats);
  row->addSpacing(10);
  m_shown = new QToolButton(m_bar);
  m_shown->setText(tr("Show ▾"));
  m_shown->setAccessibleName(tr("What is shown"));
  m_shown->setToolTip(tr("What is shown: namespaces, labels, racks, VNIs, only what is related to the selection"));
  m_shown->setPopupMode(QToolButton::InstantPopup);
  m_menu = new QMenu(m_shown);
  m_shown->setMenu(m_menu);
  connect(m_menu, &QMenu::aboutToShow, this, &CanvasView::ShowMenu);
  row->addWidget(m_shown);
  m_arrange = new QToolButton(m_bar);
  m_arrange->setText(tr("Arrange"));
  m_arrange->setCheckable(true);
  m_arrange->setToolTip(tr("Drag nodes and racks' switches to other places; they stay there"));
  connect(m_arrange, &QToolButton::toggled, m_surface, &CanvasSurface::SetArranging);
  row->addWidget(m_arrange);
  m_reading = new QLabel(m_bar);
  m_reading->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  m_reading->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_cancel = new QPushButton(tr("Cancel"), m_bar);
  m_cancel->setAccessibleName(tr("Stop reading link activity"));
  connect(m_cancel, &QPushButton::clicked, &m_session, &Session::StopReadingFacts);
  row->addWidget(m_reading, 1);
  row->addWidget(m_cancel);
  m_cancel->hide();
  const auto add = [&](const QString& text, const QString& tip, auto slot) {
    auto* button = new QToolButton(m_bar);
    button->setText(text);
    button->setToolTip(tip);
    button->setAccessibleName(tip);
    connect(button, &QToolButton::clicked, m_surface, slot);
    row->addWidget(button);
  };
  add(QStringLiteral("−"), tr("Zoom out (−)"), &CanvasSurface::ZoomOut);
  add(QStringLiteral("+"), tr("Zoom in (+)"), &CanvasSurface::ZoomIn);
  add(tr("Fit"), tr("Show everything (F)"), &CanvasSurface::Fit);
  m_bar->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, &CanvasView::UseTheme);
  UseTheme();
}

void CanvasView::UseTheme() {
  // What is chosen is told from the rest in both themes; the style's own shade is all but invisible in the dark.
  const Theme& theme = CurrentTheme();
  m_bar->setStyleSheet(QStringLiteral("QToolButton:checked { background: %1; color: %2; border: 1px solid %1; "
                                      "border-radius: 2px; } QToolButton::menu-indicator { image: none; }")
                           .arg(theme.accent.name(), theme.TextOn(theme.accent).name()));
}

void CanvasView::ShowRun() {
  m_reading->clear();
  m_cancel->hide();
  CanvasState& state = m_surface->State();
  replay::Run* run = m_session.Run();
  // The same run, read again: nobody wants to look for his place anew.
  const bool isSame = run && run->Directory().path == m_directory;
  m_directory = run ? run->Directory().path : std::filesystem::path();
  if (!run) {
    state.SetTopology(nullptr, {});
  } else {
    state.SetTopology(&run->Plan(), Store().Load(run->Plan().name));
    state.vxlanPorts.assign(run->VxlanPorts().begin(), run->VxlanPorts().end());
    state.timeNs = m_session.Time();
    state.selected = m_session.Selected();
    state.SetJourney(m_session.Journey());
    state.step = m_session.Step();
    state.SetFacts(m_session.Facts());
    m_list->SetState(&state);
  }
  SayWhatIsHidden();
  if (!isSame) m_surface->ShowAll();
  m_surface->update();
}

void CanvasView::LayoutChanged() {
  SayWhatIsHidden();
  m_list->Refresh();
  m_surface->Fit();
  m_minimap->Update();
  m_surface->update();
}

void CanvasView::ShowMenu() {
  m_menu->clear();
  const CanvasState& state = m_surface->State();
  if (!state.Topology()) {
    m_menu->addAction(tr("No run is open"))->setEnabled(false);
    return;
  }
  QAction* related = m_menu->addAction(tr("Only what is related to the selection"));
  related->setCheckable(true);
  related->setChecked(state.OnlyRelated());
  related->setEnabled(state.OnlyRelated() || state.selected.kind != Place::Kind::None || state.Journey());
  connect(related, &QAction::toggled, this, &CanvasView::SetOnlyRelated);
  QAction* list = m_menu->addAction(tr("List of namespaces, labels, racks and VNIs"));
  list->setCheckable(true);
  list->setChecked(m_list->isVisible());
  connect(list, &QAction::toggled, this, &CanvasView::SetListShown);
  QAction* all = m_menu->addAction(tr("Show everything"));
  all->setEnabled(!ShownSentence(state).isEmpty());
  connect(all, &QAction::triggered, this, [this] {
    m_surface->State().SetOnlyRelated(false);
    SetShown({});
  });
  m_menu->addSection(tr("Racks"));
  connect(m_menu->addAction(tr("Collapse all racks")), &QAction::triggered, this, [this] {
    m_surface->State().CollapseAll(true);
    SaveChoices();
    LayoutChanged();
  });
  connect(m_menu->addAction(tr("Expand all racks")), &QAction::triggered, this, [this] {
    m_surface->State().CollapseAll(false);
    SaveChoices();
    LayoutChanged();
  });
  if (state.selected.kind == Place::Kind::Netns || state.selected.kind == Place::Kind::Device) {
    const uint32_t site = state.selected.netns < state.Layout().siteOf.size()
                              ? state.Layout().siteOf[state.selected.netns]
                              : layout::kNone;
    if (site != layout::kNone && state.Layout().sites[site].rack != layout::kNone) {
      const layout::Rack& rack = state.Layout().racks[state.Layout().sites[site].rack];
      if (rack.head != layout::kNone) {
        const uint32_t head = state.Layout().sites[rack.head].netns;
        QAction* one = m_menu->addAction(tr("Collapse %1").arg(QString::fromStdString(rack.name)));
        one->setCheckable(true);
        one->setChecked(state.IsRackCollapsed(head));
        connect(one, &QAction::toggled, this, [this, head](bool on) { SetRackCollapsed(head, on); });
      }
    }
  }
  m_menu->addSeparator();
  QAction* reset = m_menu->addAction(tr("Put everything back to its place"));
  reset->setEnabled(!state.Moved().empty());
  connect(reset, &QAction::triggered, this, [this] {
    m_surface->State().ForgetPositions();
    SaveChoices();
    LayoutChanged();
  });
}

void CanvasView::FollowStep() {
  CanvasState& state = m_surface->State();
  const int step = m_session.Step();
  const int before = m_lastStep;
  m_lastStep = step;
  state.step = step;
  m_stepping.stop();
  m_pulse.stop();
  state.stepShare = 1;
  state.pulse = -1;
  const bool moves = !ThemeSwitch::Instance().IsMotionReduced() && m_surface->isVisible() && step >= 0;
  if (moves && before >= 0 && step > before && !m_session.IsPlaying())
    m_stepping.start();
  else if (moves)
    m_pulse.start();
  // The packet stays in sight.
  if (const auto at = state.PacketAt()) {
    const QPointF seen = m_surface->View().ToWindow(*at);
    if (!QRectF(m_surface->rect()).adjusted(40, 40, -40, -40).contains(seen)) {
      Camera camera = m_surface->View();
      camera.origin = {at->x - m_surface->width() / 2.0 / camera.scale,
                       at->y - m_surface->height() / 2.0 / camera.scale};
      m_surface->FlyTo(camera);
    }
  }
  m_surface->update();
  m_minimap->Update();
}

void CanvasView::FindTunnels() {
  CanvasState& state = m_surface->State();
  std::vector<Edge> tunnels;
  replay::Run* run = m_session.Run();
  const Place& at = state.selected;
  if (run && state.lens == Lens::Overlay && (at.kind == Place::Kind::Netns || at.kind == Place::Kind::Device) &&
      at.netns < run->Plan().netns.size()) {
    const uint32_t node = run->Plan().HostOf(at.netns);
    const TableHistory* tables = node < run->Plan().netns.size() ? run->Tables() : nullptr;
    if (tables) {
      std::unordered_map<std::string_view, uint32_t> nodeOf;
      for (const replay::Netns& netns : run->Plan().netns) {
        if (netns.role != replay::Role::Node) continue;
        for (const replay::Device& device : netns.devices)
          for (const std::string& address : device.addresses)
            nodeOf.emplace(std::string_view(address).substr(0, address.find('/')), netns.id);
      }
      const auto look = [&](kernel::Table table, std::string_view key) {
        for (const TableRow& row : tables->RowsAt(node, table, state.timeNs)) {
          const std::string_view end = WordAfter(row.text, key);
          auto found = nodeOf.find(end);
          if (found == nodeOf.end()) found = nodeOf.find(end.substr(0, end.rfind(':')));  // without its port
          if (found == nodeOf.end() || found->second == node || tunnels.size() >= kMostTunnels) continue;
          const replay::Device* device = run->Plan().netns[node].Find(WordAfter(row.text, "dev"));
          const Edge edge{node, found->second, 1, device ? device->vni : std::nullopt};
          if (std::find(tunnels.begin(), tunnels.end(), edge) == tunnels.end()) tunnels.push_back(edge);
        }
      };
      look(kernel::Table::VxlanFdb, "dst");
      look(kernel::Table::TunnelPeer, "endpoint");
    }
  }
  state.SetTunnelsOfSelection(std::move(tunnels));
}

void CanvasView::SaveChoices() {
  const CanvasState& state = m_surface->State();
  if (!state.Topology()) return;
  const std::string error = Store().Save(state.Topology()->name, {state.Moved(), state.GetShown()});
  if (error.empty()) return;
  m_reading->setText(tr("What is shown where is not kept: %1").arg(QString::fromStdString(error)));
  m_reading->setToolTip(m_reading->text());
}

void CanvasView::SayWhatIsHidden() {
  const QString sentence = ShownSentence(m_surface->State());
  m_hidden->setVisible(!sentence.isEmpty());
  m_hidden->setText(tr("<a href=\"all\">Show everything</a> · %1").arg(sentence.toHtmlEscaped()));
  m_hidden->setToolTip(sentence);
  m_hidden->setAccessibleName(sentence);
}

void CanvasView::SetLens(Lens lens) {
  m_surface->State().lens = lens;
  m_lenses->button(static_cast<int>(lens))->setChecked(true);
  m_heats->setEnabled(lens == Lens::Underlay);
  FindTunnels();
  m_surface->update();
}

void CanvasView::SetHeat(Heat heat) {
  m_surface->State().heat = heat;
  m_heats->setCurrentIndex(static_cast<int>(heat));
  m_surface->update();
}

void CanvasView::Fit() { m_surface->Fit(); }
void CanvasView::ZoomToSelection() { m_surface->ZoomToSelection(); }

void CanvasView::SetOnlyRelated(bool only) {
  m_surface->State().SetOnlyRelated(only);
  LayoutChanged();
}

void CanvasView::SetShown(const layout::Shown& shown) {
  m_surface->State().SetShown(shown);
  SaveChoices();
  LayoutChanged();
}

void CanvasView::SetListShown(bool shown) {
  m_list->setVisible(shown);
  if (shown)
    m_list->Tree().setFocus();
  else
    m_surface->setFocus();
}

void CanvasView::SetRackCollapsed(quint32 head, bool collapsed) {
  m_surface->State().SetRackCollapsed(head, collapsed);
  SaveChoices();
  LayoutChanged();
}

// --- pictures

void CanvasView::RenderCanvas(QPainter& painter, const QRectF& target) const {
  // What is seen on the screen, as large as the target lets it be, and what lies beside it where the target is wider.
  const QSizeF screen = m_surface->size();
  const double factor = std::min(target.width() / screen.width(), target.height() / screen.height());
  const QSizeF window(target.width() / factor, target.height() / factor);
  Camera camera = m_surface->View();
  const QPointF more((window.width() - screen.width()) / 2, (window.height() - screen.height()) / 2);
  camera.origin -= more / camera.scale;
  painter.save();
  painter.translate(target.topLeft());
  painter.scale(factor, factor);
  CanvasPainter(painter, m_surface->State(), camera, window, CurrentTheme()).Paint();
  painter.restore();
}

QString CanvasView::ExportPicture(const QString& path, QSize size, double pngScale) const {
  if (size.isEmpty()) size = m_surface->size();
  const QRectF target(QPointF(0, 0), QSizeF(size));
  const QString ending = QFileInfo(path).suffix().toLower();
  const QString title = State().Topology() ? QString::fromStdString(State().Topology()->name) : tr("overlaysim");
  const QString cannot = tr("%1 cannot be written").arg(path);
  if (ending == QLatin1String("png")) {
    QImage image(size * pngScale, QImage::Format_ARGB32_Premultiplied);
    if (image.isNull()) return tr("A picture of %1 × %2 pixels is too large").arg(size.width()).arg(size.height());
    image.setDevicePixelRatio(pngScale);
    QPainter painter(&image);
    RenderCanvas(painter, target);
    painter.end();
    return image.save(path) ? QString() : cannot;
  }
  if (ending == QLatin1String("svg")) {
    QSvgGenerator svg;
    svg.setFileName(path);
    svg.setSize(size);
    svg.setViewBox(target);
    svg.setTitle(title);
    QPainter painter;
    if (!painter.begin(&svg)) return cannot;
    RenderCanvas(painter, target);
    return painter.end() ? QString() : cannot;
  }
  if (ending == QLatin1String("pdf")) {
    QPdfWriter pdf(path);
    pdf.setTitle(title);
    pdf.setPageSize(QPageSize(QSizeF(size) * 0.75, QPageSize::Point));  // CSS pixels: 96 an inch
    pdf.setPageMargins(QMarginsF());
    pdf.setResolution(96);
    QPainter painter;
    if (!painter.begin(&pdf)) return cannot;
    RenderCanvas(painter, QRectF(0, 0, pdf.width(), pdf.height()));
    return painter.end() ? QString() : cannot;
  }
  return tr("A picture's name ends in .png, .svg or .pdf");
}

QString CanvasView::ExportFrames(const QString& directory, qint64 fromNs, qint64 toNs, double framesPerSecond,
                                 double nsPerSecond, const std::function<bool(double done)>& progress) {
  if (toNs < fromNs || !(framesPerSecond > 0) || !(nsPerSecond > 0)) return tr("The span of time is empty");
  const double frames = std::floor(static_cast<double>(toNs - fromNs) / nsPerSecond * framesPerSecond) + 1;
  if (frames > static_cast<double>(kMostFrames)) return tr("That would be %1 pictures").arg(frames, 0, 'f', 0);
  if (!QDir().mkpath(directory)) return tr("%1 cannot be made").arg(directory);
  const qint64 timeBefore = m_session.Time();
  CanvasState& state = m_surface->State();
  const bool wasPlaying = std::exchange(state.isPlaying, true);
  const double phaseBefore = state.phase;
  QString error;
  const auto count = static_cast<int>(frames);
  for (int i = 0; i < count && error.isEmpty(); ++i) {
    m_session.SetTime(fromNs + static_cast<qint64>(i * nsPerSecond / framesPerSecond));
    state.phase = i / framesPerSecond;
    error = ExportPicture(QDir(directory).filePath(QStringLiteral("frame-%1.png").arg(i + 1, 6, 10, QLatin1Char('0'))),
                          {}, 1);
    if (progress && !progress(static_cast<double>(i + 1) / count)) break;
  }
  state.isPlaying = wasPlaying;
  state.phase = phaseBefore;
  m_session.SetTime(timeBefore);
  return error;
}

}  // namespace overlaysim::views
