"""A call of each service that takes an actor, and how it ends for one who may make it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.db import transaction

from recorder.actor import Actor
from recorder.catalog import (
    additions,
    conversions,
    dataset_trash,
    datasets,
    datasets_on_disk,
    feature_changes,
    hub_tokens,
    import_uploads,
    importing,
    older_copies,
    publishing,
    repairs,
    rescues,
    reshape_undo,
    sending,
    storage_keys,
    takes,
    transfer_undo,
    transfers,
)
from recorder.catalog.disk import Kind
from recorder.jobs import converting, encoding, operation_rows, operations, pushing, reencoding, revising
from recorder.live import (
    camera_pairing,
    preflight,
    recording,
    remarks,
    replaying,
    rigs,
    sessions,
    station_asks,
    station_rigs,
    stations,
)
from recorder.models.states import OperationType
from recorder.review import bulk_edit, cut_take, free_space, revert, trash, verdicts
from robotdata.dataset.write.feature_change import FeatureChange
from tests.support.permitted_world import (
    RIG_FILE,
    World,
    account,
    away,
    begin_revert,
    begun_upload,
    broken_folder,
    change_all,
    conversion,
    dataset_folder,
    duplicated,
    empty_session,
    encoded,
    encoding_operation,
    failed_edit,
    failed_operation,
    failed_push,
    half_encoded,
    hello,
    idle,
    in_trash,
    judged,
    old_folder,
    other_dataset,
    own_keys,
    own_token,
    paired,
    phone,
    record,
    remark,
    reshape,
    reshaped,
    send_command,
    start_copy,
    start_merge,
    start_split,
    station_hello,
    take_folder,
    two_encoded,
    undo_many,
)


class Case(NamedTuple):
    """A call of a service with (world, actor, what `before` made), and how it ends where the actor may do it.

    `ends` is "changed", or the code of another refusal: no rig answers here.
    """

    call: Callable[[World, Actor, Any], Any]
    before: Callable[[World], Any] = lambda _: None
    ends: str = "changed"


CASES = {
    "set_verdict": Case(lambda w, a, _: verdicts.set_verdict(episodes=[w.take], verdict="reject", actor=a)),
    "edit_episodes": Case(lambda w, a, _: verdicts.edit_episodes(episodes=[w.take], note="dark", actor=a)),
    "cut_take": Case(
        lambda w, a, _: cut_take.cut_take(episode=w.take, first=1, end=2, actor=a),
    ),
    "undo": Case(lambda w, a, _: verdicts.undo(actor=a), judged),
    "undo_some": Case(lambda w, a, _: verdicts.undo_some(actor=a, most=1), judged),
    "rename_task": Case(lambda w, a, _: bulk_edit.rename_task(dataset=w.cubes, task="push", to="pull", actor=a)),
    "edit_many": Case(lambda w, a, _: bulk_edit.edit_many(episodes=[w.take, w.other], rating=4, actor=a)),
    "revert": Case(lambda w, a, _: revert.revert(episode=w.take, change=None, actor=a), judged),
    "change_all": Case(lambda w, a, _: change_all(w, a)),
    "undo_many": Case(lambda w, a, _: undo_many(w, a), judged),
    "restore": Case(lambda w, a, _: trash.restore(episodes=[w.trashed], actor=a)),
    "empty_trash": Case(lambda w, a, _: trash.empty_trash(actor=a)),
    "start_encoding": Case(lambda w, a, _: encoding.start_encoding(dataset=w.cubes, actor=a)),
    "cancel_operation": Case(
        lambda w, a, operation: operations.cancel_operation(operation=operation, actor=a), failed_operation
    ),
    "retry_operation": Case(
        lambda w, a, operation: operations.retry_operation(operation=operation, actor=a), failed_operation
    ),
    "retry_encoding": Case(lambda w, a, operation: encoding.retry_encoding(operation, a), failed_operation),
    "prepare_release": Case(
        lambda w, a, operation: transaction.atomic(encoding.prepare_release(operation, a))(), encoding_operation
    ),
    "prepare_removal": Case(lambda w, a, operation: converting.prepare_removal(operation, a)(), conversion),
    "start_conversion": Case(lambda w, a, row: conversions.start_conversion(row=row, actor=a), old_folder),
    "start_rescue": Case(lambda w, a, row: rescues.start_rescue(row=row, actor=a), broken_folder),
    "restart_revising": Case(lambda w, a, edit: operation_rows.restart_revising(edit, a), failed_edit),
    "begin_revising": Case(lambda w, a, _: begin_revert(w, a)),
    "create_running": Case(
        lambda w, a, _: operation_rows.create_running(type=OperationType.EDIT, dataset=w.cubes, actor=a, arguments={})
    ),
    "apply_changes": Case(lambda w, a, _: revising.apply_changes(dataset=w.cubes, actor=a)),
    "start_revert": Case(lambda w, a, _: revising.start_revert(dataset=w.cubes, revision=1, actor=a)),
    "start_copy": Case(lambda w, a, cups: start_copy(cups, a), encoded),
    "start_split": Case(lambda w, a, cups: start_split(cups, a), encoded),
    "start_merge": Case(lambda w, a, both: start_merge(both, a), two_encoded),
    "start_duplicate": Case(
        lambda w, a, cups: transfers.start_duplicate(dataset=cups, title="Again", actor=a), encoded
    ),
    "start_change": Case(
        lambda w, a, cups: feature_changes.start_change(
            dataset=cups, change=FeatureChange(robot_type="crane"), actor=a
        ),
        encoded,
    ),
    "start_language": Case(lambda w, a, cups: remark(cups, a), encoded),
    "undo_transfer": Case(lambda w, a, done: transfer_undo.undo_transfer(operation=done, actor=a), duplicated),
    "start_repair": Case(lambda w, a, cups: repairs.start_repair(dataset=cups, actor=a), encoded),
    "start_older_copy": Case(lambda w, a, cups: older_copies.start_older_copy(dataset=cups, actor=a), encoded),
    "open_older_archive": Case(
        lambda w, a, done: older_copies.open_older_archive(operation=done, actor=a), duplicated, "no_copy"
    ),
    "rename_dataset": Case(
        lambda w, a, cups: dataset_trash.rename_dataset(dataset=cups, title="Pots", folder=True, actor=a), idle
    ),
    "trash_dataset": Case(lambda w, a, cups: dataset_trash.trash_dataset(dataset=cups, actor=a), idle),
    "restore_dataset": Case(lambda w, a, name: dataset_trash.restore_dataset(name=name, actor=a), in_trash),
    "delete_permanently": Case(lambda w, a, name: dataset_trash.delete_permanently(name=name, actor=a), in_trash),
    "free_space": Case(lambda w, a, _: free_space.free_space(kind=Kind.REVISIONS, name="cubes", actor=a)),
    "prepare_forgetting": Case(lambda w, a, done: reencoding.prepare_forgetting(done, a)(), half_encoded),
    "start_reshape": Case(lambda w, a, cups: reshape(cups, a), encoded),
    "undo_reshape": Case(lambda w, a, done: reshape_undo.undo_reshape(operation=done, actor=a), reshaped),
    "create_dataset": Case(lambda w, a, _: datasets.create_dataset(title="Cups", actor=a)),
    "change_dataset": Case(lambda w, a, _: datasets.change_dataset(dataset=w.cubes, goal=9, actor=a)),
    "look_into": Case(lambda w, a, _: additions.look_into(path="here", actor=a), ends="invalid"),
    "add_paths": Case(lambda w, a, _: additions.add_paths(paths=["here"], actor=a), ends="invalid"),
    "add_from_hub": Case(lambda w, a, _: additions.add_from_hub(repository="here", actor=a), ends="not_added"),
    "begin_upload": Case(lambda w, a, _: additions.begin_upload(name="x.zip", size=9, actor=a)),
    "store_piece": Case(
        lambda w, a, one: additions.store_piece(addition_id=one, offset=0, data=b"PK", actor=a), begun_upload
    ),
    "finish_upload": Case(
        lambda w, a, one: additions.finish_upload(addition_id=one, actor=a), begun_upload, "not_added"
    ),
    "look_at": Case(
        lambda w, a, _: importing.look_at(paths=["here"], mapping=None, changes=importing.Changes(), actor=a),
        ends="invalid",
    ),
    "start_import": Case(
        lambda w, a, _: importing.start_import(paths=["here"], dataset="pegs", mapping={}, actor=a), ends="invalid"
    ),
    "mapping_named": Case(lambda w, a, _: importing.mapping_named(name="none", actor=a), ends="not_imported"),
    "keep_mapping": Case(lambda w, a, _: importing.keep_mapping(name="a/b", value={}, actor=a), ends="not_imported"),
    "begin_log_upload": Case(lambda w, a, _: import_uploads.begin_log_upload(name="x.mcap", size=9, actor=a)),
    "cancel_unused": Case(lambda w, a, one: import_uploads.cancel_unused(addition_id=one, actor=a), begun_upload),
    "cancel_addition": Case(lambda w, a, one: additions.cancel_addition(addition_id=one, actor=a), begun_upload),
    "open_inner": Case(lambda w, a, _: additions.open_inner(outer="ann", inner="cubes", actor=a), ends="no_dataset"),
    "preview_push": Case(
        lambda w, a, _: publishing.preview_push(dataset=w.cubes, repository="a/b", actor=a), ends="empty"
    ),
    "start_push": Case(lambda w, a, _: publishing.start_push(dataset=w.cubes, repository="a/b", actor=a), ends="empty"),
    "begin_push": Case(lambda w, a, _: pushing.begin_push(dataset=w.cubes, actor=a, arguments={"repository": "a/b"})),
    "restart_push": Case(lambda w, a, push: pushing.restart_push(push, a), failed_push),
    "keep_token": Case(lambda w, a, _: hub_tokens.keep_token(token="hf_x", actor=a), account),
    "forget_token": Case(lambda w, a, _: hub_tokens.forget_token(actor=a), own_token),
    "keep_keys": Case(lambda w, a, _: storage_keys.keep_keys(key="k", secret="s", actor=a), account),
    "forget_keys": Case(lambda w, a, _: storage_keys.forget_keys(actor=a), own_keys),
    "open_archive": Case(lambda w, a, _: sending.open_archive(dataset=w.cubes, actor=a), ends="empty"),
    "adopt_folder": Case(lambda w, a, path: datasets_on_disk.adopt_folder(path=path, actor=a), dataset_folder),
    "start_session": Case(
        lambda w, a, cups: sessions.start_session(rig=w.rig, dataset=cups, task="push", actor=a), other_dataset
    ),
    "change_session": Case(lambda w, a, _: sessions.change_session(session=w.session, task="pull", actor=a)),
    "drop_session": Case(lambda w, a, empty: sessions.drop_session(session=empty, actor=a), empty_session),
    "end_session": Case(lambda w, a, _: sessions.end_session(session=w.session, actor=a)),
    "end_on_rig": Case(
        lambda w, a, _: sessions.end_on_rig(rig=w.rig, session=w.session, actor=a, must_answer=True), ends="offline"
    ),
    "start_recording": Case(lambda w, a, _: record(w, a), ends="offline"),
    "start_replay": Case(
        lambda w, a, _: replaying.start_replay(rig_name="arm-1", episode=w.take, actor=a), ends="offline"
    ),
    "finish_session": Case(lambda w, a, _: recording.finish_session(session=w.session, actor=a)),
    "set_outcome": Case(lambda w, a, _: bulk_edit.set_outcome(episode=w.take, outcome="failure", actor=a)),
    "remark_on_take": Case(
        lambda w, a, _: remarks.remark_on_take(
            rig_name="arm-1", take_id=uuid.uuid4(), fields={"outcome": "failure"}, actor=a
        ),
        ends="offline",
    ),
    "give_command": Case(
        lambda w, a, _: recording.give_command(rig_name="arm-1", name="stop", args={}, actor=a), ends="offline"
    ),
    "send_command": Case(lambda w, a, _: send_command(w, a), ends="offline"),
    "check_rig": Case(lambda w, a, _: preflight.check_rig(rig=w.rig, args={}, actor=a), ends="offline"),
    "end_pairings": Case(lambda w, a, _: camera_pairing.end_pairings("arm-1", "phone", actor=a), paired),
    "issue_link": Case(lambda w, a, _: camera_pairing.issue_link("arm-1", "phone", actor=a), phone),
    "rig_connected": Case(lambda w, a, m: rigs.rig_connected(hello=m, connection="here", actor=a), hello),
    "station_connected": Case(
        lambda w, a, m: stations.station_connected(hello=m, connection="here", actor=a), station_hello
    ),
    "ask_station": Case(lambda w, a, s: async_to_sync(station_asks.ask_station)(s, "kinds", actor=a), away, "offline"),
    "read_rig": Case(lambda w, a, s: station_rigs.read_rig(station=s, name="arm-9", actor=a), away, "offline"),
    "check_text": Case(lambda w, a, s: station_rigs.check_text(station=s, text="", actor=a), away, "offline"),
    "save_rig": Case(
        lambda w, a, s: station_rigs.save_rig(station=s, text=RIG_FILE, version=None, name=None, actor=a),
        away,
        "offline",
    ),
    "order_rig": Case(
        lambda w, a, s: station_rigs.order_rig(station=s, name="arm-9", order="stop", actor=a), away, "offline"
    ),
    "remove_rig": Case(lambda w, a, s: station_rigs.remove_rig(station=s, name="arm-9", actor=a), away, "offline"),
    "forget_station": Case(lambda w, a, s: stations.forget_station(name=s.name, actor=a), away),
    "forget_rig": Case(lambda w, a, s: station_rigs.forget_rig(name="arm-9", actor=a), away),
    "index_take": Case(lambda w, a, take: takes.index_take(take_id=take, actor=a), take_folder),
}
