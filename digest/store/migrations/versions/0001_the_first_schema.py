"""the first schema."""

import sqlalchemy as sa
from alembic import op

import digest.store.tables

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('delivery',
    sa.Column('issue_id', sa.Integer(), nullable=False),
    sa.Column('subscriber_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('state', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('code', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('losses', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('doubtful', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('soft', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('revision', sa.SmallInteger(), server_default='1', nullable=False),
    sa.Column('next_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), server_default='0', nullable=False),
    sa.Column('first_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), server_default='0', nullable=False),
    sa.Column('at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('issue_id', 'subscriber_id', name=op.f('pk_delivery')),
    postgresql_with={'fillfactor': 50},
    sqlite_with_rowid=False
    )
    op.create_table('delivery_reply',
    sa.Column('issue_id', sa.Integer(), nullable=False),
    sa.Column('subscriber_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('reply', sa.String(), nullable=False),
    sa.Column('at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('issue_id', 'subscriber_id', name=op.f('pk_delivery_reply')),
    sqlite_with_rowid=False
    )
    op.create_table('event',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subscriber_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('issue_id', sa.Integer(), nullable=True),
    sa.Column('newsletter', sa.String(), nullable=False),
    sa.Column('channel', sa.Enum('one-click', 'page', 'mailto', 'complaint', 'bounce', 'operator', 'import', name='channel', native_enum=False, length=16), nullable=True),
    sa.Column('ip', sa.String(), nullable=False),
    sa.Column('agent', sa.String(), nullable=False),
    sa.Column('detail', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_event_issue_id'), ['issue_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_event_subscriber_id'), ['subscriber_id'], unique=False)

    op.create_table('feed',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('etag', sa.String(), nullable=False),
    sa.Column('last_modified', sa.String(), nullable=False),
    sa.Column('body_hash', sa.String(), nullable=False),
    sa.Column('first_fetched_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('tried_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('good_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('last_error', sa.String(), nullable=False),
    sa.Column('next_try_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('gone', sa.Boolean(), nullable=False),
    sa.Column('moved_to', sa.String(), nullable=False),
    sa.Column('moved_times', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_feed')),
    sa.UniqueConstraint('url', name=op.f('uq_feed_url')),
    sqlite_autoincrement=True
    )
    op.create_table('installation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sa.String(), nullable=False),
    sa.Column('permanent_key', sa.String(), nullable=False),
    sa.Column('created_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_installation'))
    )
    op.create_table('issue',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('newsletter', sa.String(), nullable=False),
    sa.Column('slot', sa.String(length=16), nullable=False),
    sa.Column('due_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('draft', 'approved', 'frozen', 'sending', 'sent', 'held', 'skipped', 'cancelled', name='issuestate', native_enum=False, length=16), nullable=False),
    sa.Column('held_from', sa.Enum('draft', 'approved', 'frozen', 'sending', 'sent', 'held', 'skipped', 'cancelled', name='issuestate', native_enum=False, length=16), nullable=True),
    sa.Column('hold_code', sa.String(), nullable=False),
    sa.Column('held_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('audience', sa.Integer(), nullable=False),
    sa.Column('audience_confirmed', sa.Boolean(), nullable=False),
    sa.Column('reached', sa.Boolean(), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=True),
    sa.Column('created_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('approved_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('frozen_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('started_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('finished_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_issue')),
    sa.UniqueConstraint('newsletter', 'slot', name=op.f('uq_issue_newsletter_slot')),
    sqlite_autoincrement=True
    )
    op.create_table('newsletter',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('started_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('schedule', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('schedule_seen_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_newsletter'))
    )
    op.create_table('send_batch',
    sa.Column('issue_id', sa.Integer(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('first_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('last_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('deliveries', sa.Integer(), nullable=False),
    sa.Column('done', sa.Boolean(), nullable=False),
    sa.Column('token', sa.Integer(), nullable=False),
    sa.Column('not_before', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.PrimaryKeyConstraint('issue_id', 'seq', name=op.f('pk_send_batch')),
    sqlite_with_rowid=False
    )
    op.create_table('subscriber',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('address_key', sa.String(), nullable=False),
    sa.Column('address_version', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('state', sa.Enum('pending', 'active', 'unsubscribed', 'suppressed', name='subscriberstate', native_enum=False, length=16), nullable=False),
    sa.Column('created_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('confirmed_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('consent', sa.String(), nullable=False),
    sa.Column('consent_ip', sa.String(), nullable=False),
    sa.Column('consent_agent', sa.String(), nullable=False),
    sa.Column('consent_form', sa.String(), nullable=False),
    sa.Column('consent_text', sa.String(), nullable=False),
    sa.Column('confirmed_ip', sa.String(), nullable=False),
    sa.Column('left_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('left_issue_id', sa.Integer(), nullable=True),
    sa.Column('left_channel', sa.Enum('one-click', 'page', 'mailto', 'complaint', 'bounce', 'operator', 'import', name='channel', native_enum=False, length=16), nullable=True),
    sa.Column('soft_bounces', sa.Integer(), nullable=False),
    sa.Column('first_soft_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('disabled_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_subscriber')),
    sa.UniqueConstraint('address_key', name=op.f('uq_subscriber_address_key')),
    sqlite_autoincrement=True
    )
    op.create_table('subscription',
    sa.Column('newsletter', sa.String(), nullable=False),
    sa.Column('subscriber_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('created_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('left_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('paused_until', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('newsletter', 'subscriber_id', name=op.f('pk_subscription')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_subscription_subscriber_id'), ['subscriber_id'], unique=False)

    op.create_table('suppression',
    sa.Column('address_hash', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('evidence', sa.String(), nullable=False),
    sa.Column('at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('address_hash', name=op.f('pk_suppression'))
    )
    op.create_table('article',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('feed_id', sa.Integer(), nullable=False),
    sa.Column('guid', sa.String(), nullable=False),
    sa.Column('link', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('author', sa.String(), nullable=False),
    sa.Column('categories', sa.JSON(), nullable=False),
    sa.Column('excerpt', sa.String(), nullable=False),
    sa.Column('picture', sa.JSON(), nullable=True),
    sa.Column('comments', sa.Integer(), nullable=True),
    sa.Column('words', sa.Integer(), nullable=False),
    sa.Column('protected', sa.Boolean(), nullable=False),
    sa.Column('published_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('first_seen_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('changed_at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.Column('vanished_at', digest.store.tables.Instant(timezone=True), nullable=True),
    sa.Column('fingerprint', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['feed_id'], ['feed.id'], name=op.f('fk_article_feed_id_feed')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_article')),
    sa.UniqueConstraint('feed_id', 'guid', name=op.f('uq_article_feed_id_guid')),
    sqlite_autoincrement=True
    )
    op.create_table('rendering',
    sa.Column('issue_id', sa.Integer(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('preheader', sa.String(), nullable=False),
    sa.Column('html', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('nonce', sa.String(), nullable=False),
    sa.Column('shortened', sa.Integer(), nullable=False),
    sa.Column('at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['issue_id'], ['issue.id'], name=op.f('fk_rendering_issue_id_issue')),
    sa.PrimaryKeyConstraint('issue_id', 'revision', name=op.f('pk_rendering')),
    sqlite_with_rowid=False
    )
    op.create_table('issue_article',
    sa.Column('issue_id', sa.Integer(), nullable=False),
    sa.Column('article_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('decision', sa.Enum('included', 'carried over', 'duplicate', 'filtered', 'protected', 'vanished', name='decision', native_enum=False, length=16), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('fingerprint', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_issue_article_article_id_article')),
    sa.ForeignKeyConstraint(['issue_id'], ['issue.id'], name=op.f('fk_issue_article_issue_id_issue')),
    sa.PrimaryKeyConstraint('issue_id', 'article_id', name=op.f('pk_issue_article')),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('issue_article', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_issue_article_article_id'), ['article_id'], unique=False)

    op.create_table('judgement',
    sa.Column('newsletter', sa.String(), nullable=False),
    sa.Column('article_id', sa.Integer(), nullable=False),
    sa.Column('verdict', sa.Enum('eligible', 'baseline', 'too old', name='verdict', native_enum=False, length=16), nullable=False),
    sa.Column('at', digest.store.tables.Instant(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_judgement_article_id_article')),
    sa.PrimaryKeyConstraint('newsletter', 'article_id', name=op.f('pk_judgement')),
    sqlite_with_rowid=False
    )


def downgrade() -> None:
    op.drop_table('judgement')
    with op.batch_alter_table('issue_article', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_issue_article_article_id'))

    op.drop_table('issue_article')
    op.drop_table('rendering')
    op.drop_table('article')
    op.drop_table('suppression')
    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_subscription_subscriber_id'))

    op.drop_table('subscription')
    op.drop_table('subscriber')
    op.drop_table('send_batch')
    op.drop_table('newsletter')
    op.drop_table('issue')
    op.drop_table('installation')
    op.drop_table('feed')
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_event_subscriber_id'))
        batch_op.drop_index(batch_op.f('ix_event_issue_id'))

    op.drop_table('event')
    op.drop_table('delivery_reply')
    op.drop_table('delivery')
