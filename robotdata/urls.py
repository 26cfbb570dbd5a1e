"""Every address. The pages, the API, the media; a socket's address is in `robotdata/asgi.py`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from recorder.api.docs_page import docs_page
from recorder.views.account import account, sign_out_everywhere
from recorder.views.installed import offline, service_worker
from recorder.views.sign_in import admin_sign_in, healthz, sign_in, sign_out
from robotdata.lazy_addresses import LazyAddresses

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("offline/", offline, name="offline"),
    path("service-worker.js", service_worker, name="service-worker"),
    path("sign-in/", sign_in, name="sign-in"),
    path("sign-out/", sign_out, name="sign-out"),
    path("account/", account, name="account"),
    path("account/sign-out-everywhere/", sign_out_everywhere, name="sign-out-everywhere"),
    path("admin/login/", admin_sign_in),
    path("admin/", admin.site.urls),
    path("api/docs", docs_page, name="api-docs"),
    LazyAddresses("api/", "recorder.api.urls", app_name="ninja", namespace="api-1"),
    path("media/", include("viewer.media_urls")),
    path("", include("recorder.urls")),
    path("", include("viewer.urls")),
]

handler500 = "robotdata.error_views.error_page"
