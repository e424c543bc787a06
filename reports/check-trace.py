#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads a trace of `sim run --trace` with Perfetto's own message classes (PyPI `perfetto`): no field they do not know, each slice begun
is ended on its track and in order of time, every track, name and flow is declared or answered.
Usage: check-trace.py FILE. Exit code 0 all well, 1 a check failed, 77 the package is not installed."""

import sys
from collections import Counter

try:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent
except ImportError:
    print("SKIPPED: no Python package perfetto here, so the trace was NOT checked", file=sys.stderr)
    sys.exit(77)

faults = []


def need(what, ok):
    if not ok:
        faults.append(what)


def unknown(message, path):
    """Fields that the classes do not know, at any depth."""
    try:
        from google.protobuf.unknown_fields import UnknownFieldSet
        found = [f"{path}: field {f.field_number}" for f in UnknownFieldSet(message)]
    except ImportError:
        found = []
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            many = value if not hasattr(value, "ListFields") else [value]
            for one in many:
                found += unknown(one, f"{path}.{field.name}")
    return found


with open(sys.argv[1], "rb") as file:
    data = file.read()
trace = Trace()
trace.ParseFromString(data)
need("no packet", len(trace.packet) > 0)
for fault in unknown(trace, "trace")[:5]:
    need(f"unknown {fault}", False)

tracks, names, open_slices, last, flows, kinds = {}, {}, Counter(), {}, Counter(), Counter()
for packet in trace.packet:
    for entry in packet.interned_data.event_names:
        names[entry.iid] = entry.name
    if packet.HasField("track_descriptor"):
        d = packet.track_descriptor
        need(f"track {d.uuid} is declared twice", d.uuid not in tracks)
        need(f"track {d.uuid} has no parent", not d.parent_uuid or d.parent_uuid in tracks)
        tracks[d.uuid] = d
    if not packet.HasField("track_event"):
        continue
    event, track, at = packet.track_event, packet.track_event.track_uuid, packet.timestamp
    kinds[TrackEvent.Type.Name(event.type)] += 1
    need(f"track {track} is not declared", track in tracks)
    if event.name_iid:
        need(f"name {event.name_iid} is not declared", event.name_iid in names)
    need(f"track {track} goes back in time", at >= last.get(track, 0))
    last[track] = at
    for flow in list(event.flow_ids) + list(event.terminating_flow_ids):
        flows[flow] += 1
    if event.type == TrackEvent.TYPE_SLICE_BEGIN:
        open_slices[track] += 1
        need("a slice has no name", event.name_iid or event.name)
    elif event.type == TrackEvent.TYPE_SLICE_END:
        need(f"a slice ends on track {track} that did not begin", open_slices[track] > 0)
        open_slices[track] -= 1
need("a slice does not end", not +open_slices)
need("no slice", kinds["TYPE_SLICE_BEGIN"] > 0)
need("no counter", kinds["TYPE_COUNTER"] > 0)
need("a flow has one end", all(n > 1 for n in flows.values()))
counts = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
print(f"{len(tracks)} tracks, {counts}, {len(flows)} flows, faults: {'; '.join(faults[:10]) or 'none'}")
sys.exit(1 if faults else 0)
