"""Deletions on the wire."""

from typing import Any

from rest_framework import serializers

from retivo.api.pagination import PageQuerySerializer, PageSerializer
from retivo.api.serializers import ChoiceField
from tenants.models import DeletionStatus


class DeletionListQuerySerializer(PageQuerySerializer):
    status = ChoiceField(DeletionStatus.choices, required=False)


class DeletedTableSerializer(serializers.Serializer[Any]):
    table = serializers.CharField()
    deleted = serializers.IntegerField(help_text="Rows.")
    left = serializers.IntegerField(help_text="Counted in a transaction of its own when all were deleted: always 0.")


class KeptTableSerializer(serializers.Serializer[Any]):
    table = serializers.CharField()
    why = serializers.CharField()


class ContributionSerializer(serializers.Serializer[Any]):
    release = serializers.IntegerField()
    epsilon = serializers.FloatField()


class CertificateSerializer(serializers.Serializer[Any]):
    deletion_id = serializers.CharField()
    tenant_id_hash = serializers.CharField(help_text="SHA-256 of the customer's `tenant_id`, in hex.")
    external_id_hash = serializers.CharField(
        allow_null=True, help_text="SHA-256 of `<tenant_id>:<external_id>`, in hex; null without an external id."
    )
    requested_by = serializers.CharField(help_text="`api_key:<id>`, `staff` or `command:delete_tenant`.")
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField()
    tables = DeletedTableSerializer(many=True)
    kept = KeptTableSerializer(
        many=True,
        required=False,
        help_text="Where rows about the customer stay, and why. Earlier releases did not say.",
    )
    releases_contributed = ContributionSerializer(many=True, help_text="Releases of patterns that it was in.")
    statement_on_patterns = serializers.CharField()
    backups_expire_at = serializers.DateTimeField(help_text="From then on no backup holds the customer's data.")
    jws = serializers.CharField(
        help_text="All of the above, signed: a JWS by one of the keys at `/api/.well-known/retivo-keys`."
    )


class DeletionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(
        DeletionStatus.choices, help_text="One that `failed` is tried again, every ten minutes."
    )
    tenant_id = serializers.UUIDField(allow_null=True, help_text="Null once the deletion is verified.")
    tenant_id_hash = serializers.CharField(help_text="SHA-256 of the customer's `tenant_id`, in hex.")
    external_id_hash = serializers.CharField(allow_null=True)
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    delete_at = serializers.DateTimeField(help_text="Until then the customer can be restored.")
    reason = serializers.CharField(allow_blank=True, help_text="Empty once the deletion is verified.")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When it was verified or cancelled.")
    rows_deleted = serializers.IntegerField(help_text="So far.")
    failure = serializers.CharField(allow_null=True, help_text="Why the last attempt failed.")
    certificate = CertificateSerializer(allow_null=True, help_text="Once the deletion is verified.")


class DeletionResponseSerializer(serializers.Serializer[Any]):
    deletion = DeletionSerializer()


class DeletionListSerializer(PageSerializer):
    deletions = DeletionSerializer(many=True)
