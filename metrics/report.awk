# metrics/report.awk: the lines of report.sql as an HTML page. Charts are SVG, each with a text that says the same, and a table.
BEGIN {
	FS = "\t"
	width = 760; left = 64; right = 16; top = 16; bottom = 34
	color["skip"] = "#5f6b76"; color["wait"] = "#9a5b00"; color["train"] = "#00664b"; color["blocked"] = "#a3142c"
	spent_color = "#00664b"; once_color = "#9a5b00"; every_color = "#8a2f5b"
}
$1 == "pipeline" { names[++pipelines] = $2; next }
{ line[$1, $2, ++count[$1, $2]] = $0 }

# --- small things -------------------------------------------------------------------------------------------------------
function html(text) {
	gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); gsub(/"/, "\\&quot;", text)
	return text
}
function number(value, digits) { return value == "" ? "unknown" : sprintf("%." digits "f", value) }
function grams(value) {
	if (value == "") return "unknown"
	if (value + 0 == 0) return "0 g"
	if (value < 0.0000995) return sprintf("%.2f &micro;g", value * 1e6)
	if (value < 0.0995) return sprintf("%.2f mg", value * 1e3)
	return value < 995 ? sprintf("%.2f g", value) : sprintf("%.2f kg", value / 1e3)
}
function percent(value) { return sprintf("%.2f %%", 100 * value) }
# Civil date of a Unix time, without the functions that only some awks have.
function civil(at, withtime,   z, era, doe, yoe, y, doy, mp, d, m, s) {
	z = int(at / 86400) + 719468
	era = int(z / 146097); doe = z - era * 146097
	yoe = int((doe - int(doe / 1460) + int(doe / 36524) - int(doe / 146096)) / 365)
	doy = doe - (365 * yoe + int(yoe / 4) - int(yoe / 100))
	mp = int((5 * doy + 2) / 153); d = doy - int((153 * mp + 2) / 5) + 1
	m = mp < 10 ? mp + 3 : mp - 9
	y = yoe + era * 400 + (m <= 2)
	s = at - int(at / 86400) * 86400
	return sprintf("%04d-%02d-%02d", y, m, d) (withtime ? sprintf(" %02d:%02d", int(s / 3600), int(s % 3600 / 60)) : "")
}
function fields(kind, name, i) { return split(line[kind, name, i], f, "\t") }
function begin_chart(id, title, description, height) {
	printf "<figure class=\"chart\" tabindex=\"0\" role=\"group\" aria-label=\"%s, scrolls sideways\">\n", html(title)
	printf "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t %s-d\">\n", width, height, id, id
	printf "<title id=\"%s-t\">%s</title><desc id=\"%s-d\">%s</desc>\n", id, html(title), id, html(description)
}
function end_chart(caption) { printf "</svg>\n<figcaption>%s</figcaption></figure>\n", caption }
function begin_table(caption, heads,   n, i, h) {
	printf "<details><summary>%s as a table</summary><div class=\"table\" tabindex=\"0\" role=\"group\" aria-label=\"%s\"><table><caption>%s</caption><thead><tr>", html(caption), html(caption), html(caption)
	n = split(heads, h, "|")
	for (i = 1; i <= n; i++) printf "<th scope=\"col\">%s</th>", h[i]
	print "</tr></thead><tbody>"
}
function cells(text,   n, i, c) {
	n = split(text, c, "|")
	printf "<tr><th scope=\"row\">%s</th>", c[1]
	for (i = 2; i <= n; i++) printf "<td>%s</td>", c[i]
	print "</tr>"
}
function end_table() { print "</tbody></table></div></details>" }
function text_at(x, y, anchor, words, extra) { printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, extra, words }
function rule(y, label) {
	printf "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", left, y, width - right, y
	text_at(left - 6, y + 4, "end", label, "")
}
# A number at or above the largest value that is easy to read off an axis.
function tidy_top(value,   power, i) {
	if (value <= 0) return 1
	power = 10 ^ int(log(value) / log(10) - (value < 1))
	for (i = 1; i <= 10; i++) if (i * power >= value) return i * power
	return 10 * power
}
function time_axis(from, to, base,   i, at) {
	for (i = 0; i <= 4; i++) {
		at = from + (to - from) * i / 4
		text_at(left + (width - left - right) * i / 4, base + 20, i == 0 ? "start" : i == 4 ? "end" : "middle", civil(at, to - from < 345600), "")
	}
}
function x_of(at, from, to) { return to > from ? left + (width - left - right) * (at - from) / (to - from) : (left + width - right) / 2 }

# --- sections -------------------------------------------------------------------------------------------------------------
function summary(name,   n, i, total_g, trainings, predictions, embodied, without, fewer, cleaner, fake) {
	for (i = 1; i <= count["model", name]; i++) { fields("model", name, i); fake += f[11] }
	if (fake > 0)
		printf "<p class=\"note\"><strong>Fake computation made part of these figures:</strong> %.1f CPU seconds that trained nothing.</p>\n", fake
	for (i = 1; i <= count["sci", name]; i++) {
		fields("sci", name, i)
		trainings += f[4]; predictions += f[6]; total_g += f[8] + f[9]; embodied += f[9]; without += f[10]
	}
	print "<dl class=\"facts\">"
	if (count["total", name]) {
		fields("total", name, 1)
		if (f[3] > 0 && f[5] > 0) {
			fewer = f[7] / f[6]; cleaner = (f[5] / f[7]) / (f[3] / f[6])
			fact("Spent, operational", grams(f[3]), sprintf("of which the scheduler itself %.1f %%", 100 * f[8] / f[3]))
			fact("Against &ldquo;every week&rdquo;", saved(f[3], f[5]), sprintf("&times;%.2f by fewer joules, &times;%.2f by cleaner hours", fewer, cleaner))
			fact("Against &ldquo;at once&rdquo;", saved(f[3], f[4]), "each retraining started when its need was found")
		}
	}
	fact("SCI per retraining", trainings ? grams(total_g / trainings) : "none yet", trainings + 0 " retrainings, operational and embodied")
	fact("SCI per 1000 predictions", predictions ? grams(1000 * total_g / predictions) : "not counted", predictions ? predictions " predictions" : "see metrics/api-usage")
	fact("Embodied", grams(embodied + 0), "the servers' making; no waiting reduces it")
	print "</dl>"
	if (without > 0) printf "<p class=\"note\">%d runs had no reading of the grid within two hours: their operational grams are not in these sums.</p>\n", without
}
function fact(what, value, more) { printf "<div><dt>%s</dt><dd><b>%s</b><span>%s</span></dd></div>\n", what, value, more }
function saved(spent, other) { return spent <= other ? sprintf("%.1f %% less", 100 * (1 - spent / other)) : sprintf("%.1f %% more", 100 * (spent / other - 1)) }

function decisions(name, id,   n, i, from, to, most, height, base, x, y, y_before, x_before, tally, v, words) {
	n = count["decision", name]
	print "<h3>Decisions on the carbon curve</h3>"
	if (!n) { print "<p>No decision yet.</p>"; return }
	for (i = 1; i <= n; i++) {
		fields("decision", name, i)
		if (i == 1) from = f[3]
		to = f[3]; tally[f[4]]++
		if (f[6] + 0 > most) most = f[6] + 0
	}
	most = tidy_top(most); height = 300; base = height - bottom
	words = sprintf("From %s to %s: %d times train, %d times wait, %d times skip, %d times blocked.", civil(from, 1), civil(to, 1), tally["train"], tally["wait"], tally["skip"], tally["blocked"])
	begin_chart(id, "Decisions of " name " on the carbon intensity of the grid", words, height)
	for (i = 0; i <= 4; i++) rule(base - (base - top) * i / 4, most * i / 4)
	text_at(left, top - 4, "start", "gCO2/kWh", "")
	for (i = 1; i <= n; i++) { # steps: a reading holds until the next
		fields("decision", name, i)
		if (f[6] == "") continue
		x = x_of(f[3], from, to); y = base - (base - top) * f[6] / most
		curve = curve (y_before == "" ? sprintf("M%.1f %.1f", x, y) : sprintf("H%.1fV%.1f", x, y)); y_before = y
	}
	printf "<path class=\"curve\" d=\"%s\"/>\n", curve; curve = ""
	for (i = 1; i <= n; i++) {
		fields("decision", name, i)
		x = x_of(f[3], from, to); y = f[6] == "" ? base : base - (base - top) * f[6] / most
		mark(f[4], x, y, sprintf("%s: %s, %s%s%s", civil(f[3], 1), f[4], f[5], f[6] == "" ? ", no reading" : ", " f[6] " g/kWh", f[7] == "" ? "" : ", drop " f[7] " points"))
	}
	time_axis(from, to, base)
	end_chart(words " <span class=\"key\" style=\"color:" color["train"] "\">&#9670; train</span> <span class=\"key\" style=\"color:" color["wait"] "\">&#9679; wait</span> <span class=\"key\" style=\"color:" color["skip"] "\">&#9675; skip</span> <span class=\"key\" style=\"color:" color["blocked"] "\">&#10005; blocked</span>")
	begin_table("Decisions", "Time (UTC)|Verdict|Rule|Rung|g/kWh|Drop, points")
	for (i = n > 200 ? n - 199 : 1; i <= n; i++) {
		fields("decision", name, i)
		cells(civil(f[3], 1) "|" html(f[4]) "|" html(f[5]) "|" html(f[9]) "|" (f[6] == "" ? "none" : f[6]) "|" f[7])
	}
	end_table()
}
function mark(verdict, x, y, words,   c) {
	c = color[verdict]
	printf "<g><title>%s</title>", html(words)
	if (verdict == "train") printf "<path d=\"M%.1f %.1fl7 7l-7 7l-7 -7z\" fill=\"%s\"/>", x, y - 7, c
	else if (verdict == "wait") printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>", x, y, c
	else if (verdict == "skip") printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"#fff\" stroke=\"%s\" stroke-width=\"1.5\"/>", x, y, c
	else printf "<path d=\"M%.1f %.1fl10 10m0 -10l-10 10\" stroke=\"%s\" stroke-width=\"2.5\"/>", x - 5, y - 5, c
	print "</g>"
}

function accuracy(name, id,   n, m, i, low, high, from, to, height, base, words, best) {
	n = count["model", name]; m = count["look", name]
	print "<h3>Accuracy</h3>"
	if (!n) { print "<p>No model yet.</p>"; return }
	low = 1
	for (i = 1; i <= n + m; i++) {
		fields(i <= n ? "model" : "look", name, i <= n ? i : i - n)
		if (f[7] < low) low = f[7]
		if (f[8] > high) high = f[8]
		if (from == "" || f[4] < from) from = f[4]
		if (f[4] > to) to = f[4]
	}
	low = int(low * 100) / 100; high = int(high * 100 + 1) / 100; height = 280; base = height - bottom
	fields("model", name, n)
	words = sprintf("%d models; the newest, %d, is right in %s of its holdout. %d looks at new rows.", n, f[3], percent(f[6] / f[5]), m)
	begin_chart(id, "Accuracy of the models of " name " with 95 % intervals", words, height)
	for (i = 0; i <= 4; i++) rule(base - (base - top) * i / 4, sprintf("%.1f %%", 100 * (low + (high - low) * i / 4)))
	for (i = 1; i <= n; i++) {
		fields("model", name, i)
		whisker(x_of(f[4], from, to), base, low, high, f[6] / f[5], f[7], f[8], f[9] == "refused" ? color["blocked"] : spent_color,
			sprintf("model %d, %s, %s: %s of %d holdout rows", f[3], civil(f[4], 0), f[9], percent(f[6] / f[5]), f[5]), 1)
	}
	for (i = 1; i <= m; i++) {
		fields("look", name, i)
		whisker(x_of(f[4], from, to), base, low, high, f[6] / f[5], f[7], f[8], every_color,
			sprintf("model %d on %d new rows, %s: %s", f[3], f[5], civil(f[4], 0), percent(f[6] / f[5])), 0)
	}
	time_axis(from, to, base)
	end_chart(words " <span class=\"key\" style=\"color:" spent_color "\">&#9632; holdout, promoted</span> <span class=\"key\" style=\"color:" color["blocked"] "\">&#9632; holdout, refused</span> <span class=\"key\" style=\"color:" every_color "\">&#9679; of the model in service, on new rows</span>")
	begin_table("Models", "Model|Time|Accuracy|95 % interval|Rows|Gate|Reason")
	for (i = 1; i <= n; i++) {
		fields("model", name, i)
		cells(f[3] "|" civil(f[4], 1) "|" percent(f[6] / f[5]) "|" percent(f[7]) " .. " percent(f[8]) "|" f[5] "|" f[9] "|" html(f[10]))
	}
	end_table()
	begin_table("Looks at new rows", "Time|Model|Accuracy|95 % interval|Rows")
	for (i = 1; i <= m; i++) {
		fields("look", name, i)
		cells(civil(f[4], 1) "|" f[3] "|" percent(f[6] / f[5]) "|" percent(f[7]) " .. " percent(f[8]) "|" f[5])
	}
	end_table()
}
function whisker(x, base, low, high, value, from, to, c, words, square,   y, a, b) {
	y = base - (base - top) * (value - low) / (high - low); a = base - (base - top) * (from - low) / (high - low); b = base - (base - top) * (to - low) / (high - low)
	printf "<g><title>%s</title><path d=\"M%.1f %.1fV%.1fm-4 0h8M%.1f %.1fh8\" stroke=\"%s\" fill=\"none\"/>", html(words), x, a, b, x - 4, a, c
	if (square) printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\" fill=\"%s\"/></g>\n", x - 4.5, y - 4.5, c
	else printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"%s\"/></g>\n", x, y, c
}

function promotions(name,   i, n, shown) {
	n = count["promotion", name]
	print "<h3>Promotions and rollbacks</h3>"
	if (!n) { print "<p>No model has been promoted.</p>"; return }
	print "<ol class=\"events\">"
	for (i = n > 30 ? n - 29 : 1; i <= n; i++) {
		fields("promotion", name, i)
		printf "<li><time>%s</time> %s model %d <span>%s, by %s (promotion %d)</span></li>\n", civil(f[5], 1), f[6] == "t" ? "<strong>rolled back to</strong>" : "promoted", f[4], html(f[7]), html(f[8]), f[3]
	}
	print "</ol>"
}

function weeks(name, id,   n, i, j, most, height, base, step, bar, words, c, sums, value) {
	n = count["week", name]
	print "<h3>Grams by week</h3>"
	if (!n) { print "<p>No week with known grams.</p>"; return }
	for (i = 1; i <= n; i++) {
		fields("week", name, i)
		for (j = 4; j <= 6; j++) { sums[j] += f[j]; if (f[j] + 0 > most) most = f[j] + 0 }
	}
	most = tidy_top(most); height = 280; base = height - bottom; step = (width - left - right) / n; bar = step * 0.27 < 34 ? step * 0.27 : 34
	words = sprintf("%d weeks: spent %s; at once %s; every week %s.", n, grams(sums[4]), grams(sums[5]), grams(sums[6]))
	gsub(/&micro;/, "micro", words)
	begin_chart(id, "Operational grams of " name " by week, against what was not done", words, height)
	for (i = 0; i <= 4; i++) rule(base - (base - top) * i / 4, grams(most * i / 4))
	for (i = 1; i <= n; i++) {
		fields("week", name, i)
		for (j = 4; j <= 6; j++) {
			c = j == 4 ? spent_color : j == 5 ? once_color : every_color; value = f[j] + 0
			printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"><title>week of %s, %s: %s</title></rect>\n", left + step * (i - 0.5) + (j - 5.5) * bar, base - (base - top) * value / most, bar - 1, (base - top) * value / most, c, f[3], j == 4 ? "spent" : j == 5 ? "at once" : "every week", grams(f[j])
		}
		if (n <= 10 || i % int(n / 8) == 1) text_at(left + step * (i - 0.5), base + 20, "middle", substr(f[3], 6), "")
	}
	end_chart(words " <span class=\"key\" style=\"color:" spent_color "\">&#9632; spent</span> <span class=\"key\" style=\"color:" once_color "\">&#9632; at once</span> <span class=\"key\" style=\"color:" every_color "\">&#9632; every week</span>")
	begin_table("Grams by week", "Week of|Spent|Of which scheduler|At once|Every week")
	for (i = 1; i <= n; i++) { fields("week", name, i); cells(f[3] "|" grams(f[4]) "|" grams(f[7]) "|" grams(f[5]) "|" grams(f[6])) }
	end_table()
}

function sci(name, id,   n, i, most, height, base, words, shown, step, x, y, last, path) {
	n = count["sci", name]
	print "<h3>SCI per retraining</h3>"
	for (i = 1; i <= n; i++) { fields("sci", name, i); if (f[5] != "") { shown++; last = i; if (f[5] + 0 > most) most = f[5] + 0 } }
	if (!shown) { print "<p>No week with a retraining.</p>"; return }
	fields("sci", name, last)
	words = sprintf("%d weeks with retrainings; the last, of %s: %s per retraining, of which %s embodied.", shown, f[3], grams(f[5]), grams(f[9] / f[4]))
	gsub(/&micro;/, "micro", words)
	most = tidy_top(most); height = 240; base = height - bottom; step = (width - left - right) / n
	begin_chart(id, "SCI of " name ": grams per retraining by week", words, height)
	for (i = 0; i <= 4; i++) rule(base - (base - top) * i / 4, grams(most * i / 4))
	for (i = 1; i <= n; i++) {
		fields("sci", name, i); x = left + step * (i - 0.5)
		if (n <= 10 || i % int(n / 8) == 1) text_at(x, base + 20, "middle", substr(f[3], 6), "")
		if (f[5] == "") continue
		y = base - (base - top) * f[5] / most
		path = path (path == "" ? "M" : "L") sprintf("%.1f %.1f", x, y)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"><title>week of %s: %s</title></circle>\n", x, y, spent_color, f[3], grams(f[5])
	}
	printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path, spent_color
	end_chart(words " Weeks without a retraining have no point; what they took is in the sum above.")
	begin_table("SCI by week", "Week of|Retrainings|g per retraining|Predictions|g per 1000 predictions|Operational|Embodied")
	for (i = 1; i <= n; i++) { fields("sci", name, i); cells(f[3] "|" f[4] "|" (f[5] == "" ? "" : grams(f[5])) "|" f[6] "|" (f[7] == "" ? "" : grams(f[7])) "|" grams(f[8]) "|" grams(f[9])) }
	end_table()
}

function steps(name, id,   n, i, most, height, y, words, scale) {
	n = count["step", name]
	print "<h3>Cost by step</h3>"
	if (!n) { print "<p>No run is over yet.</p>"; return }
	for (i = 1; i <= n; i++) { fields("step", name, i); if (f[8] + f[9] > most) most = f[8] + f[9]; words = words (i > 1 ? "; " : "") f[3] " " grams(f[8] + f[9]) }
	gsub(/&micro;/, "micro", words)
	if (most <= 0) most = 1
	height = top + n * 34 + 8
	begin_chart(id, "Grams of " name " by step, operational and embodied", words, height)
	scale = (width - 150 - 110) / most
	for (i = 1; i <= n; i++) {
		fields("step", name, i); y = top + (i - 1) * 34
		text_at(142, y + 17, "end", html(f[3]), "")
		printf "<rect x=\"150\" y=\"%d\" width=\"%.1f\" height=\"24\" fill=\"%s\"><title>operational: %s</title></rect>\n", y, f[8] * scale, spent_color, grams(f[8])
		printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"24\" fill=\"%s\"><title>embodied: %s</title></rect>\n", 150 + f[8] * scale, y, f[9] * scale, color["skip"], grams(f[9])
		text_at(156 + (f[8] + f[9]) * scale, y + 17, "start", grams(f[8] + f[9]), "")
	}
	end_chart("<span class=\"key\" style=\"color:" spent_color "\">&#9632; operational</span> <span class=\"key\" style=\"color:" color["skip"] "\">&#9632; embodied</span>")
	begin_table("Cost by step", "Step|Runs|CPU seconds|PostgreSQL, CPU seconds|Joules|Operational|Embodied")
	for (i = 1; i <= n; i++) { fields("step", name, i); cells(html(f[3]) "|" f[4] "|" number(f[5], 2) "|" number(f[6], 2) "|" number(f[7], 1) "|" grams(f[8]) "|" grams(f[9])) }
	end_table()
	begin_table("How it was measured", "CPU seconds by|PostgreSQL by|Joules by|Machine|Runs")
	for (i = 1; i <= count["method", name]; i++) { fields("method", name, i); cells(html(f[3]) "|" html(f[4]) "|" html(f[5]) "|" html(f[6]) "|" f[7]) }
	end_table()
}

function style() {
	print "<style>"
	print ":root{color-scheme:light}*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#1b2126;background:#f6f7f5}"
	print "header,main,footer{max-width:52rem;margin:0 auto;padding:0 1rem}header{padding-top:1.5rem}h1{font-size:1.7rem;line-height:1.2;margin:0}h2{font-size:1.35rem;margin:2.5rem 0 .75rem;border-top:3px solid #00664b;padding-top:.75rem;overflow-wrap:anywhere}h3{font-size:1.1rem;margin:2rem 0 .5rem}"
	print ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(13.5rem,1fr));gap:.75rem;margin:0}.facts div{background:#fff;border:1px solid #d5dad3;border-radius:6px;padding:.6rem .8rem}dt{font-size:.9rem;color:#47525b}dd{margin:0}dd b{display:block;font-size:1.35rem}dd span{font-size:.85rem;color:#47525b}"
	print ".chart,.table{margin:.5rem 0;background:#fff;border:1px solid #d5dad3;border-radius:6px;overflow-x:auto}.chart{padding:.75rem}svg{display:block;width:100%;min-width:36rem;height:auto;font-size:13px;fill:#1b2126}svg text{fill:#33404a}.grid{stroke:#e1e5e0}.curve{fill:none;stroke:#6c7780;stroke-width:1.5}figcaption{font-size:.9rem;position:sticky;left:0;max-width:calc(100vw - 4rem)}.key{white-space:nowrap;font-weight:600;margin-left:.5rem}"
	print "details{margin:.4rem 0}summary{cursor:pointer;color:#005a9c}table{border-collapse:collapse;font-size:.9rem;min-width:100%}caption{text-align:left;padding:.5rem .6rem;font-weight:600}th,td{padding:.3rem .6rem;border-top:1px solid #e1e5e0;text-align:left;font-variant-numeric:tabular-nums;font-weight:400}thead th{font-weight:600}"
	print ".events{padding-left:1.4rem}.events span{color:#47525b;font-size:.9rem}.note{background:#fff4e0;border-left:4px solid #9a5b00;padding:.5rem .8rem}nav ul{padding-left:1.2rem}a{color:#005a9c}footer{padding:1.5rem 1rem 3rem;font-size:.9rem;color:#47525b}:focus-visible{outline:3px solid #005a9c;outline-offset:2px}"
	print "</style>"
}
END {
	print "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>green-ml: what retraining cost</title>\n<link rel=\"icon\" href=\"data:,\">"
	style()
	printf "</head>\n<body>\n<header><h1>What retraining cost</h1><p>From the database of green-ml, %s. Times are UTC.</p>\n", html(time)
	if (pipelines > 1) {
		print "<nav aria-label=\"Pipelines\"><ul>"
		for (p = 1; p <= pipelines; p++) printf "<li><a href=\"#p%d\">%s</a></li>\n", p, html(names[p])
		print "</ul></nav>"
	}
	print "</header>\n<main>"
	for (p = 1; p <= pipelines; p++) {
		name = names[p]
		printf "<section aria-labelledby=\"p%d\">\n<h2 id=\"p%d\">%s</h2>\n", p, p, html(name)
		summary(name); decisions(name, "d" p); accuracy(name, "a" p); promotions(name); weeks(name, "w" p); sci(name, "s" p); steps(name, "c" p)
		print "</section>"
	}
	print "</main>\n<footer><p>Grams are a model: CPU seconds, reserved cores and memory by constants per machine, times the grid's intensity at that hour; the formulas, their sources and what is not counted are in docs/CARBON.md. &ldquo;Every week&rdquo; is a mean retraining in each week that brought rows; &ldquo;at once&rdquo; is each retraining at the hour when its need was found.</p></footer>\n</body>\n</html>"
}
