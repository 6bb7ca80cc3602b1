-- The second half of metrics/measure-pods: its temporary tables pod, joules, server and counted, matched with the runs.
-- A pod of Argo is named after its workflow and ends with the number that its node's id ends with; where the workflow is a
-- single step, all three names are the same.
CREATE TEMPORARY TABLE open_run AS
SELECT r.run_id, r.program, r.workflow, r.cpu_s, r.started_at, r.finished_at,
       extract(epoch FROM r.started_at)::double precision AS from_s, extract(epoch FROM r.finished_at)::double precision AS until_s,
       CASE WHEN r.node = r.workflow THEN r.workflow ELSE r.workflow || '-%' || substring(r.node FROM '-[0-9]+$') END AS pattern
FROM green_ml.run r
WHERE r.state IN ('done', 'failed') AND r.workflow IS NOT NULL AND r.node IS NOT NULL AND r.finished_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM green_ml.run_measurement o WHERE o.run_id = r.run_id);

-- A pod may hold several runs: a tick has one for each pipeline. Its cost is shared out by their own CPU seconds.
CREATE TEMPORARY TABLE pod_of AS
SELECT o.run_id, p.pod, coalesce(o.cpu_s / nullif(sum(o.cpu_s) OVER (PARTITION BY p.pod), 0),
				 1.0 / count(*) OVER (PARTITION BY p.pod)) AS share,
       sum(o.cpu_s) OVER (PARTITION BY p.pod) AS program_cpu_s
FROM open_run o JOIN (SELECT pod FROM pod UNION SELECT pod FROM counted) p ON p.pod LIKE o.pattern;

CREATE TEMPORARY TABLE server_share AS
SELECT o.run_id, sum(d.cpu_s * o.part / o.parts) AS cpu_s
FROM (
	SELECT at_s, lag(at_s) OVER w AS since_s, greatest(cpu_s - lag(cpu_s) OVER w, 0) AS cpu_s FROM server WINDOW w AS (ORDER BY at_s)) d
JOIN LATERAL (
	SELECT run_id, least(until_s, d.at_s) - greatest(from_s, d.since_s) AS part,
	       greatest(sum(least(until_s, d.at_s) - greatest(from_s, d.since_s)) OVER (), d.at_s - d.since_s) AS parts
	FROM open_run WHERE from_s < d.at_s AND until_s > d.since_s) o ON true
GROUP BY 1;

CREATE TEMPORARY TABLE measured AS
SELECT o.run_id, o.program, o.workflow, f.pod, o.cpu_s, m.main_cpu_s * f.share AS main_cpu_s, m.all_cpu_s * f.share AS prometheus_cpu_s,
       c.cpu_s * f.share AS counted_cpu_s,
       CASE WHEN c.cpu_s IS NOT NULL THEN c.cpu_s * f.share
	    WHEN m.main_cpu_s >= 0.9 * f.program_cpu_s THEN m.all_cpu_s * f.share END AS pod_cpu_s,
       s.cpu_s AS postgres_cpu_s, j.j * f.share AS measured_j
FROM open_run o
LEFT JOIN pod_of f USING (run_id)
LEFT JOIN (SELECT pod, max(cpu_s) FILTER (WHERE container = 'main') AS main_cpu_s, sum(cpu_s) AS all_cpu_s FROM pod GROUP BY 1) m
	ON m.pod = f.pod
LEFT JOIN counted c ON c.pod = f.pod
LEFT JOIN joules j ON j.pod = f.pod
LEFT JOIN server_share s USING (run_id);

INSERT INTO green_ml.run_measurement (run_id, pod_cpu_s, main_cpu_s, postgres_cpu_s, measured_j, source)
SELECT run_id, pod_cpu_s, main_cpu_s, postgres_cpu_s, measured_j,
       concat_ws('+', CASE WHEN counted_cpu_s IS NOT NULL THEN 'cgroup' END, CASE WHEN main_cpu_s IS NOT NULL THEN 'prometheus' END,
		 CASE WHEN measured_j IS NOT NULL THEN 'kepler' END)
FROM measured WHERE coalesce(pod_cpu_s, postgres_cpu_s, measured_j) IS NOT NULL;

SELECT run_id, program, workflow, pod, round(cpu_s::numeric, 3), round(main_cpu_s::numeric, 3), round(prometheus_cpu_s::numeric, 3),
       round(counted_cpu_s::numeric, 3), round(postgres_cpu_s::numeric, 3)
FROM measured ORDER BY run_id;
