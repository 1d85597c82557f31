#include "gui/views/journey/journey_html.h"

#include <QCoreApplication>
#include <QSaveFile>
#include <algorithm>
#include <vector>

#include "gui/views/format.h"
#include "gui/views/journey/header_bricks.h"
#include "gui/views/journey/journey_text.h"
#include "gui/views/journey/mtu_bar.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr int kAround = 6;  ///< table lines on either side of the one that decided

QString Tr(const char* text) { return QCoreApplication::translate("JourneyHtml", text); }

QString Escaped(const std::string& text) { return QString::fromStdString(text).toHtmlEscaped(); }

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--bg:#f7f8fa;--surface:#fff;--text:#1c2430;--muted:#5b6675;--line:#c3cad4;--accent:#0072b2;
--good:#00795a;--bad:#c0392b;--warn:#b86e00;--mark:#ffe9a8;--tunnel:#a0487b;--tint:#e3eef6}
@media(prefers-color-scheme:dark){:root{--bg:#14181f;--surface:#1b212b;--text:#e8ecf2;--muted:#a3afbf;--line:#465263;
--accent:#56b4e9;--good:#3fcf9f;--bad:#ff7a66;--warn:#f0b44c;--mark:#5c4a12;--tunnel:#e39ac2;--tint:#22364a}}
*{box-sizing:border-box}
body{margin:0;font:15px/1.45 system-ui,sans-serif;background:var(--bg);color:var(--text)}
header{padding:14px 22px;background:var(--surface);border-bottom:1px solid var(--line)}
h1{font-size:1.2rem;margin:0 0 2px}
h2{font-size:1.35rem;margin:2px 0 0;overflow-wrap:anywhere}
.good{color:var(--good)}.bad{color:var(--bad)}.muted{color:var(--muted)}
nav{display:flex;gap:6px;margin-top:10px;align-items:center;flex-wrap:wrap}
button{font:inherit;padding:3px 14px;border:1px solid var(--line);border-radius:5px;background:var(--bg);color:var(--text)}
button:disabled{opacity:.45}
label{margin-left:10px}
main{display:grid;grid-template-columns:minmax(230px,330px) 1fr}
ol{list-style:none;margin:0;padding:8px 0;border-right:1px solid var(--line)}
ol a{display:block;padding:6px 16px;color:inherit;text-decoration:none;border-left:4px solid transparent}
ol a small{display:block;color:var(--muted);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
ol a span{float:right;color:var(--muted);font-size:.85em;margin-left:8px}
ol b{overflow-wrap:anywhere}
ol a[aria-current]{border-color:var(--accent);background:var(--tint)}
body:not(.every) ol li.minor{display:none}
section{padding:16px 24px;min-width:0}
body.js{display:flex;flex-direction:column;height:100vh;overflow:hidden}
body.js main{flex:1;min-height:0}body.js ol,body.js main>div{overflow:auto}
body.js section.step{display:none}body.js section.step.now{display:block}
.action{color:var(--accent);font-size:1.1rem}.action.bad{color:var(--bad)}
.why{font-size:1.05rem;margin:8px 0 12px}
.bricks{display:grid;gap:14px 7px;margin:10px 0;overflow-x:auto;padding:10px 8px 10px 0}
.what{align-self:center;color:var(--muted);grid-column:1}.what b{color:var(--text);display:block}
.brick{border:1px solid var(--line);border-radius:5px;padding:5px 9px;position:relative;min-width:88px}
.brick b{white-space:nowrap}.brick small{display:block}.brick .n{text-align:right}
.inner{border:2px solid var(--tunnel);border-radius:7px;background:var(--tint)}
.added{outline:3px solid var(--good)}.removed{outline:3px dashed var(--bad);opacity:.65}.changed{outline:2px solid var(--warn)}
.sign{float:right;background:#fff;color:#14181f;border-radius:9px;padding:0 6px;margin-left:6px;font-weight:bold}
.changes{margin:0 0 8px 80px}.changes span{background:var(--mark);padding:1px 6px;margin-right:6px}
.mtu{display:flex;height:13px;border:1px solid var(--line);background:var(--surface);margin:3px 0 14px}
.mtu i{background:var(--accent)}
.mtu i.tunnel{background:repeating-linear-gradient(45deg,var(--tunnel),var(--tunnel) 4px,var(--surface) 4px,var(--surface) 6px)}
.mtu i.over{background:repeating-linear-gradient(-45deg,var(--bad),var(--bad) 4px,var(--surface) 4px,var(--surface) 6px)}
pre{background:var(--surface);border:1px solid var(--line);border-radius:5px;padding:8px 10px;overflow-x:auto;margin:4px 0 12px}
pre mark{background:var(--mark);color:inherit;font-weight:bold}
code{font-weight:bold}
@media(max-width:760px){main{grid-template-columns:1fr}ol{border:0;max-height:34vh;overflow:auto}body.js main{grid-template-rows:auto 1fr}}
@media print{nav,ol{display:none}body.js{display:block;height:auto;overflow:visible}main{display:block}body.js section.step{display:block;break-inside:avoid}}
)";

constexpr const char* kScript = R"(
(function(){
var b=document.body,steps=[].slice.call(document.querySelectorAll('section.step')),
links=[].slice.call(document.querySelectorAll('ol a')),every=document.getElementById('every'),now=-1;
function shown(i){return every.checked||!steps[i].classList.contains('minor')}
function go(i){if(i<0||i>=steps.length||i===now)return;now=i;
steps.forEach(function(s,k){s.classList.toggle('now',k===i)});
links.forEach(function(a,k){if(k===i){a.setAttribute('aria-current','step');a.scrollIntoView({block:'nearest'})}
else a.removeAttribute('aria-current')});
document.getElementById('back').disabled=next(-1)<0;document.getElementById('next').disabled=next(1)<0;
try{history.replaceState(null,'','#step'+(i+1))}catch(e){}}
function next(d){for(var i=now+d;i>=0&&i<steps.length;i+=d)if(shown(i))return i;return -1}
function edge(d){for(var i=d>0?0:steps.length-1;i>=0&&i<steps.length;i+=d)if(shown(i))return i;return -1}
b.classList.add('js');steps.forEach(function(s){s.removeAttribute('id')});
every.addEventListener('change',function(){b.classList.toggle('every',every.checked);var i=now;now=-1;go(i)});
document.getElementById('back').addEventListener('click',function(){go(next(-1))});
document.getElementById('next').addEventListener('click',function(){go(next(1))});
links.forEach(function(a,i){a.addEventListener('click',function(e){e.preventDefault();go(i)})});
document.addEventListener('keydown',function(e){if(e.ctrlKey||e.altKey||e.metaKey||e.target===every)return;var k=e.key;
if(k==='ArrowRight'||k==='.')go(next(1));else if(k==='ArrowLeft'||k===',')go(next(-1));
else if(k==='Home')go(edge(1));else if(k==='End')go(edge(-1));else return;e.preventDefault()});
var m=/^#step(\d+)$/.exec(location.hash),start=m?parseInt(m[1],10)-1:edge(1);
if(start>=0&&start<steps.length&&!shown(start)){every.checked=true;b.classList.add('every')}
go(start>=0&&start<steps.length?start:0);
window.addEventListener('load',function(){window.scrollTo(0,0)});
})();
)";

QString BrickHtml(const Brick& brick, int line, size_t column) {
  QString state, sign;
  switch (brick.change) {
    case Brick::Change::Same:
      break;
    case Brick::Change::Added:
      state = QStringLiteral(" added");
      sign = QStringLiteral("<span class=\"sign\" title=\"%1\">+</span>").arg(Tr("put on"));
      break;
    case Brick::Change::Removed:
      state = QStringLiteral(" removed");
      sign = QStringLiteral("<span class=\"sign\" title=\"%1\">−</span>").arg(Tr("taken off"));
      break;
    case Brick::Change::Changed:
      state = QStringLiteral(" changed");
      sign = QStringLiteral("<span class=\"sign\" title=\"%1\">≠</span>").arg(Tr("changed"));
      break;
  }
  const QColor fill = Theme::Light().ColourOf(brick.protocol);
  return QStringLiteral(
             "<div class=\"brick%1\" style=\"background:%2;color:%3;grid-row:%4;grid-column:%5\" "
             "title=\"%6\">%7<b>%8</b>"
             "<small>%9</small>")
             .arg(state, fill.name(), Theme::Light().TextOn(fill).name())
             .arg(line)
             .arg(column)
             .arg(brick.fields.mid(0, 24).join(QLatin1Char('\n')).toHtmlEscaped(), sign, brick.name.toHtmlEscaped(),
                  brick.summary.toHtmlEscaped()) +
         QStringLiteral("<small class=\"n\">%1</small></div>").arg(BytesText(brick.bytes));
}

/// One row of the picture: bricks in the grid's columns, and behind them a box around what a tunnel carries.
QString RowHtml(const HeaderPicture& picture, bool isAfter, int line, const QString& label) {
  const BrickRow& row = isAfter ? picture.after : picture.before;
  std::vector<size_t> columnOf(row.bricks.size());
  for (size_t i = 0; i < picture.columns.size(); ++i)
    if (const int brick = isAfter ? picture.columns[i].after : picture.columns[i].before; brick >= 0)
      columnOf[static_cast<size_t>(brick)] = i + 2;
  QString html = QStringLiteral("<div class=\"what\" style=\"grid-row:%1\">%2<b>%3</b></div>")
                     .arg(line)
                     .arg(label, BytesText(row.totalBytes));
  uint8_t deepest = 0;
  for (const Brick& brick : row.bricks) deepest = std::max(deepest, brick.depth);
  for (uint8_t depth = 1; depth <= deepest; ++depth) {
    const auto first =
        std::find_if(row.bricks.begin(), row.bricks.end(), [&](const Brick& b) { return b.depth >= depth; });
    html += QStringLiteral("<div class=\"inner\" style=\"grid-row:%1;grid-column:%2/%3;margin:-%4px\"></div>")
                .arg(line)
                .arg(columnOf[static_cast<size_t>(first - row.bricks.begin())])
                .arg(columnOf.back() + 1)
                .arg(3 + 3 * (deepest - depth));
  }
  for (size_t i = 0; i < row.bricks.size(); ++i) html += BrickHtml(row.bricks[i], line, columnOf[i]);
  return html + QLatin1Char('\n');
}

QString PictureHtml(const HeaderPicture& picture) {
  QStringList widths;
  for (const HeaderPicture::Column& column : picture.columns) {
    const Brick& brick = column.after >= 0 ? picture.after.bricks[static_cast<size_t>(column.after)]
                                           : picture.before.bricks[static_cast<size_t>(column.before)];
    widths << QStringLiteral("minmax(min-content,%1fr)").arg(26 + std::min(brick.bytes, 40u));
  }
  QString html = QStringLiteral("<div class=\"bricks\" style=\"grid-template-columns:76px %1\">")
                     .arg(widths.join(QLatin1Char(' ')));
  if (!picture.isSame) html += RowHtml(picture, false, 1, Tr("before"));
  html += RowHtml(picture, true, 2, picture.isSame ? Tr("headers") : Tr("after")) + QStringLiteral("</div>");
  QString changes;
  for (const Brick& brick : picture.after.bricks)
    for (const QString& change : brick.changes)
      changes += QStringLiteral("<span>%1 %2</span>").arg(brick.name.toHtmlEscaped(), change.toHtmlEscaped());
  if (!changes.isEmpty()) html += QStringLiteral("<div class=\"changes\">%1</div>").arg(changes);
  return html + QLatin1Char('\n');
}

QString MtuHtml(const MtuBudget& budget) {
  if (budget.mtu == 0) return {};
  const auto part = [](uint32_t bytes, const char* kind) {
    return bytes == 0 ? QString()
                      : QStringLiteral("<i class=\"%1\" style=\"flex:%2\"></i>").arg(QLatin1String(kind)).arg(bytes);
  };
  // What is too much comes out of what is carried.
  const uint32_t carried = budget.carried - std::min(budget.carried, budget.excess);
  return QStringLiteral("<div class=\"%1\">%2</div>")
             .arg(budget.excess > 0 ? QStringLiteral("bad") : QString(), budget.Text().toHtmlEscaped()) +
         QStringLiteral("<div class=\"mtu\" aria-hidden=\"true\">%1%2%3<em style=\"flex:%4\"></em></div>\n")
             .arg(part(budget.overhead, "tunnel"), part(carried, "carried"), part(budget.excess, "over"))
             .arg(budget.left);
}

QString TableHtml(replay::Run& run, const replay::Hop& hop) {
  const TableContext whole = ContextOf(run, hop);
  if (whole.prompt.isEmpty()) return {};
  int before = 0, after = 0;
  const TableContext part = Surroundings(whole, kAround, before, after);
  QStringList lines;
  if (before > 0) lines << Tr("  … %1 lines before").arg(CountText(static_cast<uint64_t>(before)));
  for (int i = 0; i < part.lines.size(); ++i) {
    const QString line = part.lines[i].toHtmlEscaped();
    lines << (i == part.match ? QStringLiteral("<mark>▶ %1</mark>").arg(line) : QStringLiteral("  ") + line);
  }
  if (after > 0) lines << Tr("  … %1 lines after").arg(CountText(static_cast<uint64_t>(after)));
  return QStringLiteral("<code>%1</code><pre>%2</pre>\n")
      .arg(whole.prompt.toHtmlEscaped(), lines.join(QLatin1Char('\n')));
}

QString StepHtml(replay::Run& run, const replay::Hop& hop, int number, size_t count) {
  const bool isDrop = IsDrop(hop.record.verdict);
  QString html = QStringLiteral("<section class=\"step%1\" id=\"step%2\" aria-label=\"%3\">")
                     .arg(hop.isKey ? QString() : QStringLiteral(" minor"))
                     .arg(number)
                     .arg(Tr("step %1").arg(number));
  html += QStringLiteral(
              "<div class=\"muted\">%1</div><h2>%2</h2><div class=\"action%3\">%4%5</div><p class=\"why\">%6</p>\n")
              .arg(Tr("Step %1 of %2").arg(number).arg(count), Escaped(hop.place),
                   isDrop ? QStringLiteral(" bad") : QString(), isDrop ? QStringLiteral("✗ ") : QString(),
                   Escaped(hop.action), Escaped(hop.why));
  const HeaderPicture picture = PictureOf(hop, run.VxlanPorts());
  html += PictureHtml(picture);
  html += MtuHtml(MtuBudget::Of(hop, picture));
  html += TableHtml(run, hop);
  html += QStringLiteral("<div class=\"muted\">%1<br>%2</div></section>\n")
              .arg(DeviceText(run, hop).toHtmlEscaped(),
                   Tr("at %1 · %2 since the packet was made · %3 since the last step")
                       .arg(ExactTimeText(hop.record.timeNs), TimeText(hop.sinceStartNs), TimeText(hop.sinceLastNs)));
  return html;
}

}  // namespace

QString JourneyHtml(replay::Run& run, const replay::Journey& journey) {
  QString html;
  html += QStringLiteral(
              "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
              "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
              "script-src 'unsafe-inline'\">\n<title>") +
          Escaped(journey.title) + QStringLiteral("</title><style>") + QString::fromUtf8(kStyle) +
          QStringLiteral("</style></head><body>\n");
  html += QStringLiteral("<header><h1>%1</h1><div class=\"%2\">%3 %4</div><div class=\"muted\">%5 · %6</div>")
              .arg(Escaped(journey.title), journey.isDropped ? QStringLiteral("bad") : QStringLiteral("good"),
                   journey.isDropped ? QStringLiteral("✗") : QStringLiteral("✓"), Escaped(journey.outcome),
                   Escaped(run.Plan().name), Escaped(run.Plan().understood));
  html += QStringLiteral(
              "<nav><button id=\"back\">◀ %1</button><button id=\"next\">%2 ▶</button>"
              "<label><input type=\"checkbox\" id=\"every\"> %3</label>"
              "<span class=\"muted\">%4</span></nav></header>\n<main><ol>\n")
              .arg(Tr("Back"), Tr("Next"), Tr("Show every step"), Tr("keys: ← → Home End"));
  for (size_t i = 0; i < journey.hops.size(); ++i) {
    const replay::Hop& hop = journey.hops[i];
    html +=
        QStringLiteral(
            "<li%1><a href=\"#step%2\"><span>%3</span><b>%4</b><small>%5%6</small><small>%7</small></a></li>\n")
            .arg(hop.isKey ? QString() : QStringLiteral(" class=\"minor\""))
            .arg(i + 1)
            .arg(BytesText(hop.afterBytes), Escaped(hop.place),
                 IsDrop(hop.record.verdict) ? QStringLiteral("✗ ") : QString(), Escaped(hop.action), Escaped(hop.line));
  }
  html += QStringLiteral("</ol><div>\n");
  for (size_t i = 0; i < journey.hops.size(); ++i)
    html += StepHtml(run, journey.hops[i], static_cast<int>(i) + 1, journey.hops.size());
  html += QStringLiteral("</div></main>\n<script>") + QString::fromUtf8(kScript) +
          QStringLiteral("</script></body></html>\n");
  return html;
}

QString ExportJourneyHtml(replay::Run& run, const replay::Journey& journey, const QString& path) {
  QSaveFile file(path);
  const QByteArray page = JourneyHtml(run, journey).toUtf8();
  if (!file.open(QIODevice::WriteOnly) || file.write(page) != page.size() || !file.commit())
    return QStringLiteral("%1: %2").arg(path, file.errorString());
  return {};
}

}  // namespace overlaysim::views
