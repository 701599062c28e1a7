"""help.* and langpack.*: what clients ask when they connect."""

from datetime import timedelta
from typing import Any

from hanfleet.sandbox.telegram.rpc import Call, method
from hanfleet.sandbox.telegram.tl import functions, types
from hanfleet.sandbox.telegram.views import moment


@method(functions.help.GetConfigRequest, anonymous=True)
def get_config(call: Call, _request: Any) -> object:
    """One data centre: this one."""
    host, port = call.telegram.address
    now = moment(call.telegram.now())
    here = types.DcOption(id=call.telegram.dc_id, ip_address=host, port=port, ipv6=":" in host, this_port_only=True)
    return types.Config(
        date=now,
        expires=now + timedelta(hours=1),
        test_mode=False,
        this_dc=call.telegram.dc_id,
        dc_options=[here],
        dc_txt_domain_name="sandbox.invalid",
        chat_size_max=200,
        megagroup_size_max=200_000,
        forwarded_count_max=100,
        online_update_period_ms=210_000,
        offline_blur_timeout_ms=5_000,
        offline_idle_timeout_ms=30_000,
        online_cloud_timeout_ms=300_000,
        notify_cloud_delay_ms=30_000,
        notify_default_delay_ms=1_500,
        push_chat_period_ms=60_000,
        push_chat_limit=2,
        edit_time_limit=172_800,
        revoke_time_limit=2**31 - 1,
        revoke_pm_time_limit=2**31 - 1,
        rating_e_decay=2_419_200,
        stickers_recent_limit=200,
        channels_read_media_period=604_800,
        call_receive_timeout_ms=20_000,
        call_ring_timeout_ms=90_000,
        call_connect_timeout_ms=30_000,
        call_packet_timeout_ms=10_000,
        me_url_prefix="https://t.me/",
        caption_length_max=1024,
        message_length_max=4096,
        webfile_dc_id=call.telegram.dc_id,
    )


@method(functions.help.GetNearestDcRequest, anonymous=True)
def get_nearest_dc(call: Call, _request: Any) -> object:
    return types.NearestDc(country="NL", this_dc=call.telegram.dc_id, nearest_dc=call.telegram.dc_id)


@method(functions.help.GetAppConfigRequest, anonymous=True)
def get_app_config(_call: Call, _request: Any) -> object:
    return types.help.AppConfig(hash=1, config=types.JsonObject([]))


@method(functions.help.GetTermsOfServiceUpdateRequest, for_bots=False)
def get_terms_of_service_update(call: Call, _request: Any) -> object:
    return types.help.TermsOfServiceUpdateEmpty(moment(call.telegram.now()) + timedelta(days=1))
